#pragma once
// The Calico selector language (calico.md section 2) as a syntax tree. Text is parsed once, at the door; afterwards
// selectors are only ever composed as trees, never as text, so that no selector can escape from what it is combined
// with. Kubernetes label selectors become the same trees.

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "policy/label.h"
#include "policy/result.h"

namespace tierwall::policy {

/// One node of the tree; a value. `all()` is the default.
struct Selector {
  enum class Op { All, Global, Has, Equals, NotEquals, In, NotIn, Contains, StartsWith, EndsWith, Not, And, Or };

  Op op = Op::All;
  std::string key = {};                  ///< Has and the comparisons
  std::vector<std::string> values = {};  ///< one for comparisons; In and NotIn: sorted, unique
  std::vector<Selector> operands = {};   ///< Not: one; And, Or: two or more

  friend bool operator==(const Selector&, const Selector&) = default;
};

inline constexpr std::size_t kMaxSelectorLength = 8192;  ///< bytes of text; the CRD allows 1024
inline constexpr std::size_t kMaxSelectorDepth = 256;    ///< nested parentheses and negations
inline constexpr std::size_t kMaxLabelKeyLength = 512;   ///< bytes, as in Calico

/// May a label key in selector text hold this character? Letters and digits of ASCII, '_', '.', '/' and '-'.
bool is_selector_key_character(char c);

/// Parses selector text. Empty or blank text is all(). Malformed errors name the column (from 1).
Result<Selector> parse_selector(std::string_view text);

/// Calico's canonical text: sets sorted, (x && y), double-quoted values, no double negation.
std::string print_selector(const Selector& selector);

/// The canonical text in words an operator reads easily, without double quotes: for comments in the ruleset and
/// for status. Reserved label keys are spelled out ("pods", "namespace dev-app").
std::string describe_selector(const Selector& selector);

/// An absent label matches != and "not in", nothing else. global() and all() are always true.
bool matches(const Selector& selector, const LabelScope& scope);
bool matches(const Selector& selector, const Labels& labels);

// Makers. The composing ones leave all() out and flatten what is nested, so equal meanings more often have equal text.
Selector all();
Selector has(std::string key);
Selector equals(std::string key, std::string value);
Selector in(std::string key, std::vector<std::string> values);
Selector not_in(std::string key, std::vector<std::string> values);
Selector negation(Selector operand);
Selector conjunction(std::vector<Selector> operands);

/// The same tree with every label key prefixed: how a selector over a namespace's labels becomes one over the
/// labels its pods inherit (calico.md 2.5). Every all() becomes has(`all_becomes`); global() stays what it is.
Selector with_prefix(Selector selector, std::string_view prefix, std::string_view all_becomes);

/// Does the tree contain global() anywhere?
bool mentions_global(const Selector& selector);
/// Every label key the tree asks for.
std::set<std::string> label_keys(const Selector& selector);

/// One matchExpressions entry of a Kubernetes label selector.
struct LabelRequirement {
  enum class Operator { In, NotIn, Exists, DoesNotExist };
  std::string key = {};
  Operator op = Operator::Exists;
  std::vector<std::string> values = {};

  friend bool operator==(const LabelRequirement&, const LabelRequirement&) = default;
};

/// matchLabels and matchExpressions, all of which must hold; nothing given selects everything.
Selector from_label_selector(const Labels& match_labels, const std::vector<LabelRequirement>& match_expressions);

}  // namespace tierwall::policy

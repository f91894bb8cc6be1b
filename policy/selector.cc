#include "policy/selector.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace tierwall::policy {

namespace {

using Op = Selector::Op;

/// The word of a comparison between a label and its value or values; empty for everything else.
std::string_view word_of(Op op) {
  switch (op) {
    case Op::Equals:
      return "==";
    case Op::NotEquals:
      return "!=";
    case Op::In:
      return "in";
    case Op::NotIn:
      return "not in";
    case Op::Contains:
      return "contains";
    case Op::StartsWith:
      return "starts with";
    case Op::EndsWith:
      return "ends with";
    default:
      return "";
  }
}

bool asks_for_label(Op op) {
  return op == Op::Has || !word_of(op).empty();
}

bool compare(const Selector& selector, std::string_view value) {
  const std::string_view first = selector.values.empty() ? std::string_view() : std::string_view(selector.values[0]);
  switch (selector.op) {
    case Op::Has:
      return true;
    case Op::Equals:
      return value == first;
    case Op::NotEquals:
      return value != first;
    case Op::In:
      return std::binary_search(selector.values.begin(), selector.values.end(), value);
    case Op::NotIn:
      return !std::binary_search(selector.values.begin(), selector.values.end(), value);
    case Op::Contains:
      return value.find(first) != std::string_view::npos;
    case Op::StartsWith:
      return value.starts_with(first);
    case Op::EndsWith:
      return value.ends_with(first);
    default:
      return false;
  }
}

/// Recursion is bounded: text nests at most kMaxSelectorDepth, and composing adds a few levels.
template <typename LabelSource>
bool matches_in(const Selector& selector, const LabelSource& source) {
  const auto operand_matches = [&source](const Selector& operand) { return matches_in(operand, source); };
  const std::vector<Selector>& operands = selector.operands;
  switch (selector.op) {
    case Op::All:
    case Op::Global:
      return true;
    case Op::Not:
      return !operand_matches(operands.front());
    case Op::And:
      return std::all_of(operands.begin(), operands.end(), operand_matches);
    case Op::Or:
      return std::any_of(operands.begin(), operands.end(), operand_matches);
    default:
      break;
  }
  const std::optional<std::string_view> value = source.find(selector.key);
  if (!value) return selector.op == Op::NotEquals || selector.op == Op::NotIn;
  return compare(selector, *value);
}

enum class Quotes { Canonical, Single };

/// Text no selector can be written with, such as a value with both quotes. It arrives only in Kubernetes label
/// selectors that nobody validated; printed like this it cannot be mistaken for another selector's text.
std::string print_unwritable(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex = "hex:";
  for (const char c : text) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 0xf];
  }
  return hex;
}

std::string print_label_key(std::string_view key) {
  const bool writable = !key.empty() && std::all_of(key.begin(), key.end(), is_selector_key_character);
  return writable ? std::string(key) : print_unwritable(key);
}

std::string print_value(const std::string& value, Quotes quotes) {
  if (quotes == Quotes::Single) return "'" + value + "'";
  if (value.find('"') == std::string::npos) return '"' + value + '"';
  if (value.find('\'') == std::string::npos) return "'" + value + "'";
  return print_unwritable(value);
}

/// What a comparison compares with: `"b"`, or for the set operators `{"b", "c"}`.
std::string print_values(const Selector& selector, Quotes quotes) {
  if (selector.op != Op::In && selector.op != Op::NotIn) return print_value(selector.values.front(), quotes);
  std::string text = "{";
  for (const std::string& value : selector.values) {
    if (text.size() > 1) text += ", ";
    text += print_value(value, quotes);
  }
  return text + "}";
}

std::string print(const Selector& selector, Quotes quotes);

std::string print_joined(const Selector& selector, std::string_view word, Quotes quotes) {
  std::string text = "(";
  for (const Selector& operand : selector.operands) {
    if (text.size() > 1) text += word;
    text += print(operand, quotes);
  }
  return text + ")";
}

std::string print(const Selector& selector, Quotes quotes) {
  switch (selector.op) {
    case Op::All:
      return "all()";
    case Op::Global:
      return "global()";
    case Op::Has:
      return "has(" + print_label_key(selector.key) + ")";
    case Op::Not:
      return "!" + print(selector.operands.front(), quotes);
    case Op::And:
      return print_joined(selector, " && ", quotes);
    case Op::Or:
      return print_joined(selector, " || ", quotes);
    default:
      return print_label_key(selector.key) + " " + std::string(word_of(selector.op)) + " " +
             print_values(selector, quotes);
  }
}

std::vector<std::string> sorted_unique(std::vector<std::string> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

Selector comparison(Op op, std::string key, std::vector<std::string> values) {
  return {.op = op, .key = std::move(key), .values = std::move(values)};
}

/// The terms of a conjunction in one flat list; all() asks for nothing.
void append_terms(std::vector<Selector>& terms, Selector operand) {
  if (operand.op == Op::All) return;
  if (operand.op != Op::And) {
    terms.push_back(std::move(operand));
    return;
  }
  for (Selector& inner : operand.operands) append_terms(terms, std::move(inner));
}

/// How people call a label with a meaning of its own; empty for an ordinary label, which is called by its key.
std::string words_for_key(std::string_view key) {
  if (key == kServiceAccountLabel) return "service account";
  if (key.starts_with(kNamespacePrefix)) {
    return "namespace label " + print_label_key(key.substr(kNamespacePrefix.size()));
  }
  if (key.starts_with(kServiceAccountPrefix)) {
    return "service account label " + print_label_key(key.substr(kServiceAccountPrefix.size()));
  }
  return "";
}

std::string describe_term(const Selector& term) {
  const bool no = term.op == Op::Not && term.operands.front().op == Op::Has;
  std::string words = words_for_key(no ? term.operands.front().key : term.key);
  if (words.empty()) return print(term, Quotes::Single);
  if (no) return "no " + words;
  if (term.op == Op::Has) return words;
  return words + " " + std::string(word_of(term.op)) + " " + print_values(term, Quotes::Single);
}

/// A conjunction taken apart for describing: whose endpoints, and what is asked of their labels.
struct Description {
  bool pods = false;
  std::string of;  ///< "dev-app"; empty if no term says it
  std::string terms;
};

void describe_into(Description& description, const Selector& term) {
  const bool equals_one = term.op == Op::Equals;
  if (equals_one && term.key == kOrchestratorLabel && term.values.front() == "k8s") {
    description.pods = true;
  } else if (equals_one && term.key == kNamespaceLabel && description.of.empty() && !term.values.front().empty()) {
    description.of = term.values.front();
  } else if (term.op == Op::Has && term.key == kNamespaceLabel && description.of.empty()) {
    description.of = "any namespace";
  } else {
    if (!description.terms.empty()) description.terms += " and ";
    description.terms += describe_term(term);
  }
}

/// Comments in the ruleset stand between double quotes, on one line.
std::string fit_for_comment(std::string text) {
  for (char& c : text) {
    if (c == '"') c = '\'';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

}  // namespace

std::string print_selector(const Selector& selector) {
  return print(selector, Quotes::Canonical);
}

std::string describe_selector(const Selector& selector) {
  Description description;
  if (selector.op == Op::And) {
    for (const Selector& term : selector.operands) describe_into(description, term);
  } else {
    describe_into(description, selector);
  }
  if (!description.pods && description.of.empty()) return fit_for_comment(description.terms);
  std::string text = description.pods ? "pods" : "endpoints";
  if (!description.of.empty()) text += " of " + description.of;
  if (!description.terms.empty()) text += " with " + description.terms;
  return fit_for_comment(text);
}

bool matches(const Selector& selector, const LabelScope& scope) {
  return matches_in(selector, scope);
}

bool matches(const Selector& selector, const Labels& labels) {
  return matches_in(selector, labels);
}

Selector all() {
  return {};
}

Selector has(std::string key) {
  return comparison(Op::Has, std::move(key), {});
}

Selector equals(std::string key, std::string value) {
  return comparison(Op::Equals, std::move(key), {std::move(value)});
}

Selector in(std::string key, std::vector<std::string> values) {
  return comparison(Op::In, std::move(key), sorted_unique(std::move(values)));
}

Selector not_in(std::string key, std::vector<std::string> values) {
  return comparison(Op::NotIn, std::move(key), sorted_unique(std::move(values)));
}

Selector negation(Selector operand) {
  if (operand.op == Op::Not) {
    Selector inner = std::move(operand.operands.front());
    return inner;
  }
  Selector selector{.op = Op::Not};
  selector.operands.push_back(std::move(operand));
  return selector;
}

Selector conjunction(std::vector<Selector> operands) {
  Selector joined{.op = Op::And};
  for (Selector& operand : operands) append_terms(joined.operands, std::move(operand));
  if (joined.operands.empty()) return all();
  if (joined.operands.size() > 1) return joined;
  Selector only = std::move(joined.operands.front());
  return only;
}

Selector with_prefix(Selector selector, std::string_view prefix, std::string_view all_becomes) {
  if (selector.op == Op::All) return has(std::string(all_becomes));
  if (asks_for_label(selector.op)) selector.key.insert(0, prefix);
  for (Selector& operand : selector.operands) operand = with_prefix(std::move(operand), prefix, all_becomes);
  return selector;
}

bool mentions_global(const Selector& selector) {
  return selector.op == Op::Global || std::any_of(selector.operands.begin(), selector.operands.end(), mentions_global);
}

std::set<std::string> label_keys(const Selector& selector) {
  std::set<std::string> keys;
  if (asks_for_label(selector.op)) keys.insert(selector.key);
  for (const Selector& operand : selector.operands) keys.merge(label_keys(operand));
  return keys;
}

Selector from_label_selector(const Labels& match_labels, const std::vector<LabelRequirement>& match_expressions) {
  std::vector<Selector> terms;
  for (const Labels::Entry& entry : match_labels.entries()) terms.push_back(equals(entry.first, entry.second));
  for (const LabelRequirement& requirement : match_expressions) {
    switch (requirement.op) {
      case LabelRequirement::Operator::In:
        terms.push_back(in(requirement.key, requirement.values));
        break;
      case LabelRequirement::Operator::NotIn:
        terms.push_back(not_in(requirement.key, requirement.values));
        break;
      case LabelRequirement::Operator::Exists:
        terms.push_back(has(requirement.key));
        break;
      case LabelRequirement::Operator::DoesNotExist:
        terms.push_back(negation(has(requirement.key)));
        break;
    }
  }
  return conjunction(std::move(terms));
}

}  // namespace tierwall::policy

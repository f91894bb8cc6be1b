#pragma once
// How decoders read a document tree: a cursor that knows its path ("spec.ingress[0].ports[1].port") and its place in
// the text, checks types, and collects everything that is wrong instead of stopping at the first mistake. Decoders
// ask how many errors there were before and after a part to learn whether that part was understood.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/sources/decode_place.h"
#include "daemon/sources/document.h"
#include "policy/diagnostic.h"

namespace tierwall::daemon {

inline constexpr std::size_t kMaxFindings = 1000;  ///< listed per object; further ones are only counted

/// What is wrong with one object.
class Findings {
 public:
  explicit Findings(std::string file) : file_(std::move(file)) {}

  void add(policy::Severity severity, int line, int column, std::string field, std::string message);
  /// Counts an error that was reported elsewhere already.
  void count_error() { ++errors_; }
  [[nodiscard]] std::size_t errors() const { return errors_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  /// All of them, as being about `object`.
  std::vector<policy::Diagnostic> take(const std::string& object);
  /// Of the document the findings are about.
  [[nodiscard]] Places& places() { return places_; }

 private:
  std::string file_;
  std::size_t errors_ = 0;
  std::size_t unlisted_ = 0;
  std::vector<policy::Diagnostic> listed_;
  Places places_;
};

/// One place in a document while it is being read. Borrows the tree and the findings; lives no longer than the call.
class Cursor {
 public:
  /// At the root of a document.
  Cursor(const Node& node, Findings& findings) : Cursor(node, Places::kRoot, findings) {}

  [[nodiscard]] const Node& node() const { return *node_; }
  [[nodiscard]] std::string path() const { return findings_->places().print(place_); }
  [[nodiscard]] Findings& findings() const { return *findings_; }
  [[nodiscard]] std::size_t errors() const { return findings_->errors(); }

  void error(std::string message) const;
  void warning(std::string message) const;
  /// An error about something that is not there: "NAME: required".
  void missing(std::string_view name, std::string_view why = {}) const;

  [[nodiscard]] Cursor child(const Field& field) const;
  [[nodiscard]] Cursor item(std::size_t index) const;
  /// At the same place, but in a document that was written there as text.
  [[nodiscard]] Cursor inside(const Node& node) const { return {node, place_, *findings_}; }
  /// Absent if the field is not written or null.
  [[nodiscard]] std::optional<Cursor> find(std::string_view name) const;

  // Typed reads: absent after an error.
  [[nodiscard]] std::optional<std::string> text() const;
  [[nodiscard]] std::optional<bool> boolean() const;
  [[nodiscard]] std::optional<std::int64_t> integer(std::int64_t lowest, std::int64_t highest) const;
  [[nodiscard]] std::optional<double> number() const;
  [[nodiscard]] std::optional<std::vector<Cursor>> items() const;
  [[nodiscard]] bool is_object() const;

 private:
  Cursor(const Node& node, Places::Id place, Findings& findings) : node_(&node), findings_(&findings), place_(place) {}

  const Node* node_;
  Findings* findings_;
  Places::Id place_;
};

/// One row of a table of fields: what to do with a field that is written and not null.
struct FieldRow {
  std::string_view name;
  std::function<void(const Cursor&)> read;
};

enum class UnknownFields { Error, Ignored };

/// Reads an object by its table, in the order of the text. False, after an error, if it is no object.
bool read_fields(const Cursor& object, std::span<const FieldRow> rows, UnknownFields unknown = UnknownFields::Error);
bool read_fields(const Cursor& object, std::initializer_list<FieldRow> rows,
                 UnknownFields unknown = UnknownFields::Error);
/// For a field whose content does not matter here.
void ignore_field(const Cursor& field);
/// Reads an object that has a spec, and demands that nothing unknown stands beside it.
void read_spec(const Cursor& object, const std::function<void(const Cursor&)>& read);

/// Calls `read` for every item; reports what is no list.
void for_each_item(const Cursor& list, const std::function<void(const Cursor&)>& read);
/// Null, or text, a list or an object with nothing in it: what the APIs take for not written.
bool is_empty(const Node& node);
/// Reports an object that has none of these fields, or more than one of them.
void demand_one_of(const Cursor& object, std::initializer_list<std::string_view> names);
/// Reports a list of fewer than one or more than `most` entries.
void demand_entries(const Cursor& list, std::size_t most);

/// Reports keys that stand twice anywhere below; reading such an object then counts as an error (of it, not again).
void report_repeated_keys(const Cursor& at);

/// The candidate most like the text, for "did you mean"; empty if none is close.
std::string_view find_nearest(std::string_view text, const std::vector<std::string_view>& candidates);

template <typename T>
struct Choice {
  std::string_view text;
  T value;
};

/// Says which texts are possible, and which one was probably meant.
void report_unknown_choice(const Cursor& at, std::string_view text, const std::vector<std::string_view>& choices);

/// One of a fixed list of words.
template <typename T, std::size_t N>
std::optional<T> read_choice(const Cursor& at, const Choice<T> (&choices)[N]) {
  const auto text = at.text();
  if (!text) return std::nullopt;
  std::vector<std::string_view> words;
  for (const Choice<T>& choice : choices) {
    if (choice.text == *text) return choice.value;
    words.push_back(choice.text);
  }
  report_unknown_choice(at, *text, words);
  return std::nullopt;
}

}  // namespace tierwall::daemon

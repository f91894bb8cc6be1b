#include "daemon/sources/decode_reader.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

constexpr std::size_t kMaxComparedLength = 64;  // longer words are never near anything

char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Edits (insert, remove or replace a letter, swap two neighbours, any case) that turn one word into the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  const auto same = [&](std::size_t i, std::size_t j) { return to_lower(a[i]) == to_lower(b[j]); };
  std::vector<std::vector<std::size_t>> table(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      std::size_t& least = table[i][j];
      least = i + j;
      if (i > 0) least = std::min(least, table[i - 1][j] + 1);
      if (j > 0) least = std::min(least, table[i][j - 1] + 1);
      if (i > 0 && j > 0) least = std::min(least, table[i - 1][j - 1] + (same(i - 1, j - 1) ? 0 : 1));
      if (i > 1 && j > 1 && same(i - 1, j - 2) && same(i - 2, j - 1)) least = std::min(least, table[i - 2][j - 2] + 1);
    }
  }
  return table[a.size()][b.size()];
}

void report_unknown_field(const Cursor& object, const Field& field, std::span<const FieldRow> rows) {
  std::vector<std::string_view> names;
  for (const FieldRow& row : rows) names.push_back(row.name);
  const std::string_view nearest = find_nearest(field.key, names);
  object.findings().add(policy::Severity::Error, field.line, field.column, object.child(field).path(),
                        nearest.empty() ? "unknown field" : fmt::format("unknown field; did you mean {}?", nearest));
}

/// Of the tree without any paths, because nearly every tree has none.
bool has_repeated_keys(const Node& node) {
  const auto in_field = [](const Field& field) { return field.repeated || has_repeated_keys(field.value); };
  return std::any_of(node.fields.begin(), node.fields.end(), in_field) ||
         std::any_of(node.items.begin(), node.items.end(), has_repeated_keys);
}

std::string wrong_type(std::string_view wanted, const Node& node) {
  return fmt::format("must be {}, but is {}", wanted, describe(node));
}

}  // namespace

void Findings::add(policy::Severity severity, int line, int column, std::string field, std::string message) {
  if (severity == policy::Severity::Error) ++errors_;
  if (listed_.size() >= kMaxFindings) {
    ++unlisted_;
    return;
  }
  listed_.push_back({.where = {.file = file_, .line = line, .column = column},
                     .severity = severity,
                     .object = {},
                     .field = std::move(field),
                     .message = std::move(message)});
}

std::vector<policy::Diagnostic> Findings::take(const std::string& object) {
  if (unlisted_ > 0) {
    policy::Diagnostic rest = listed_.back();
    rest.severity = errors_ > 0 ? policy::Severity::Error : policy::Severity::Warning;
    rest.field.clear();
    rest.message = fmt::format("{} further problems are not listed", unlisted_);
    listed_.push_back(std::move(rest));
    unlisted_ = 0;
  }
  for (policy::Diagnostic& diagnostic : listed_) diagnostic.object = object;
  return std::exchange(listed_, {});
}

void Cursor::error(std::string message) const {
  findings_->add(policy::Severity::Error, node_->line, node_->column, path(), std::move(message));
}

void Cursor::warning(std::string message) const {
  findings_->add(policy::Severity::Warning, node_->line, node_->column, path(), std::move(message));
}

void Cursor::missing(std::string_view name, std::string_view why) const {
  const std::string at = path();
  const std::string field = at.empty() ? std::string(name) : fmt::format("{}.{}", at, name);
  findings_->add(policy::Severity::Error, node_->line, node_->column, field,
                 why.empty() ? "required" : fmt::format("required; {}", why));
}

Cursor Cursor::child(const Field& field) const {
  return {field.value, findings_->places().field(place_, field), *findings_};
}

Cursor Cursor::item(std::size_t index) const {
  return {node_->items[index], findings_->places().item(place_, index), *findings_};
}

std::optional<Cursor> Cursor::find(std::string_view name) const {
  for (const Field& field : node_->fields) {
    if (field.key == name) return field.value.kind == Node::Kind::Null ? std::nullopt : std::optional(child(field));
  }
  return std::nullopt;
}

std::optional<std::string> Cursor::text() const {
  if (node_->kind != Node::Kind::Scalar) {
    error(wrong_type("text", *node_));
    return std::nullopt;
  }
  if (scalar_type(*node_) != ScalarType::String) {
    error(wrong_type("text", *node_) + fmt::format("; write it in quotes: {}", quote(node_->text)));
    return std::nullopt;
  }
  return node_->text;
}

std::optional<bool> Cursor::boolean() const {
  const auto value = to_bool(*node_);
  if (!value) error(wrong_type("true or false", *node_));
  return value;
}

std::optional<std::int64_t> Cursor::integer(std::int64_t lowest, std::int64_t highest) const {
  const auto value = to_integer(*node_);
  if (!value) {
    error(wrong_type("a whole number", *node_));
    return std::nullopt;
  }
  if (*value < lowest || *value > highest) {
    error(fmt::format("must be from {} to {}, but is {}", lowest, highest, *value));
    return std::nullopt;
  }
  return value;
}

std::optional<double> Cursor::number() const {
  const auto value = to_number(*node_);
  if (!value || !std::isfinite(*value)) {
    error(wrong_type("a number", *node_));
    return std::nullopt;
  }
  return value;
}

std::optional<std::vector<Cursor>> Cursor::items() const {
  if (node_->kind != Node::Kind::Sequence) {
    error(wrong_type("a list", *node_));
    return std::nullopt;
  }
  std::vector<Cursor> cursors;
  cursors.reserve(node_->items.size());
  for (std::size_t i = 0; i < node_->items.size(); ++i) cursors.push_back(item(i));
  return cursors;
}

bool Cursor::is_object() const {
  if (node_->kind == Node::Kind::Map) return true;
  error(wrong_type("an object", *node_));
  return false;
}

bool read_fields(const Cursor& object, std::initializer_list<FieldRow> rows, UnknownFields unknown) {
  return read_fields(object, std::span(rows.begin(), rows.size()), unknown);
}

bool read_fields(const Cursor& object, std::span<const FieldRow> rows, UnknownFields unknown) {
  if (!object.is_object()) return false;
  for (const Field& field : object.node().fields) {
    if (field.repeated) {
      object.findings().count_error();
      continue;
    }
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&field](const FieldRow& r) { return r.name == field.key; });
    if (row == rows.end()) {
      if (unknown == UnknownFields::Error) report_unknown_field(object, field, rows);
    } else if (field.value.kind != Node::Kind::Null) {
      row->read(object.child(field));
    }
  }
  return true;
}

void ignore_field(const Cursor&) {}

void read_spec(const Cursor& object, const std::function<void(const Cursor&)>& read) {
  read_fields(object, {{"apiVersion", ignore_field},
                       {"kind", ignore_field},
                       {"metadata", ignore_field},
                       {"spec", read},
                       {"status", ignore_field}});
}

void for_each_item(const Cursor& list, const std::function<void(const Cursor&)>& read) {
  const auto items = list.items();
  if (!items) return;
  for (const Cursor& item : *items) read(item);
}

bool is_empty(const Node& node) {
  return node.text.empty() && node.items.empty() && node.fields.empty();
}

void demand_one_of(const Cursor& object, std::initializer_list<std::string_view> names) {
  std::vector<std::string_view> written;
  for (const std::string_view name : names) {
    if (object.find(name)) written.push_back(name);
  }
  if (written.empty()) object.error(fmt::format("needs one of {}", fmt::join(names, ", ")));
  if (written.size() > 1) object.error(fmt::format("takes only one of {}", fmt::join(written, ", ")));
}

void demand_entries(const Cursor& list, std::size_t most) {
  if (list.node().kind != Node::Kind::Sequence) return;
  const std::size_t entries = list.node().items.size();
  if (entries == 0) list.error("needs at least one entry");
  if (entries > most) list.error(fmt::format("at most {} entries, has {}", most, entries));
}

void report_repeated_keys(const Cursor& at) {
  const Node& node = at.node();
  if (!has_repeated_keys(node)) return;
  for (const Field& field : node.fields) {
    if (field.repeated)
      at.findings().add(policy::Severity::Error, field.line, field.column, at.child(field).path(),
                        "this key stands twice in the same object");
    report_repeated_keys(at.child(field));
  }
  for (std::size_t i = 0; i < node.items.size(); ++i) report_repeated_keys(at.item(i));
}

std::string_view find_nearest(std::string_view text, const std::vector<std::string_view>& candidates) {
  if (text.size() > kMaxComparedLength) return {};
  std::string_view nearest;
  std::size_t smallest = std::max<std::size_t>(1, text.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(text, candidate);
    if (distance >= smallest) continue;
    smallest = distance;
    nearest = candidate;
  }
  return nearest;
}

void report_unknown_choice(const Cursor& at, std::string_view text, const std::vector<std::string_view>& choices) {
  const std::string_view nearest = find_nearest(text, choices);
  std::string message = fmt::format("must be {}, but is {}", fmt::join(choices, ", "), quote(text));
  if (!nearest.empty()) message += fmt::format("; did you mean {}?", nearest);
  at.error(std::move(message));
}

}  // namespace tierwall::daemon

#pragma once
// Reading the values that travel over the control socket: JSON objects, field by field.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "daemon/control/status.h"
#include "policy/result.h"

namespace tierwall::daemon {

/// Reads the fields of one object and remembers the first that does not fit, so that a record is read field by field
/// without an error check after each.
class ObjectReader {
 public:
  ObjectReader(const Json& json, std::string what) : json_(json), what_(std::move(what)) {
    if (!json_.is_object()) error_ = malformed(what_ + " is not an object");
  }

  void read(const char* field, std::string& value) {
    if (const Json* found = find(field, &Json::is_string)) value = found->get<std::string>();
  }
  void read(const char* field, bool& value) {
    if (const Json* found = find(field, &Json::is_boolean)) value = found->get<bool>();
  }
  template <typename Integer>
  requires std::is_integral_v<Integer>
  void read(const char* field, Integer& value) {
    const Json* found = find(field, &Json::is_number_integer);
    if (found == nullptr) return;
    const bool fits = found->is_number_unsigned() ? std::in_range<Integer>(found->get<std::uint64_t>())
                                                  : std::in_range<Integer>(found->get<std::int64_t>());
    if (!fits) return fail(malformed(fmt::format("field '{}' is out of range ({})", field, found->dump())));
    value = found->get<Integer>();
  }
  void read(const char* field, std::vector<std::string>& values) {
    read_array(field, values, [](const Json& item) -> Result<std::string> {
      if (!item.is_string()) return malformed("not a string");
      return item.get<std::string>();
    });
  }
  void read(const char* field, std::optional<double>& value) {
    if (const Json* found = find_optional(field, &Json::is_number)) value = found->get<double>();
  }
  void read(const char* field, std::optional<std::int64_t>& value) {
    if (const Json* found = find_optional(field, &Json::is_number_integer)) value = found->get<std::int64_t>();
  }
  void read(const char* field, std::optional<std::string>& value) {
    if (const Json* found = find_optional(field, &Json::is_string)) value = found->get<std::string>();
  }
  template <typename T, typename FromJson>
  void read_array(const char* field, std::vector<T>& values, const FromJson& from_json) {
    const Json* found = find(field, &Json::is_array);
    if (found == nullptr) return;
    for (const Json& item : *found) {
      Result<T> value = from_json(item);
      if (!value) return fail(value.error().in(field));
      values.push_back(std::move(*value));
    }
  }
  template <typename T, typename FromJson>
  void read_optional(const char* field, std::optional<T>& value, const FromJson& from_json) {
    const Json* found = find_optional(field, &Json::is_object);
    if (found == nullptr) return;
    Result<T> read_value = from_json(*found);
    if (!read_value) return fail(read_value.error().in(field));
    value = std::move(*read_value);
  }
  /// One word of a table, as the enumerator of that number.
  template <typename Enum, std::size_t N>
  void read_word(const char* field, Enum& value, const std::array<std::string_view, N>& words) {
    std::string word;
    read(field, word);
    for (std::size_t i = 0; i < N; ++i) {
      if (words[i] != word) continue;
      value = static_cast<Enum>(i);
      return;
    }
    fail(malformed(fmt::format("{}: unknown word '{}'", field, word)));
  }

  template <typename T>
  Result<T> finish(T value) const {
    if (error_) return *error_;
    return value;
  }

 private:
  using Check = bool (Json::*)() const noexcept;

  const Json* find_optional(const char* field, Check fits) {
    if (error_) return nullptr;
    const auto found = json_.find(field);
    if (found == json_.end() || found->is_null()) return nullptr;
    return check(field, *found, fits);
  }
  const Json* find(const char* field, Check fits) {
    if (error_) return nullptr;
    const auto found = json_.find(field);
    if (found != json_.end()) return check(field, *found, fits);
    fail(malformed(fmt::format("field '{}' is missing", field)));
    return nullptr;
  }
  const Json* check(const char* field, const Json& value, Check fits) {
    if ((value.*fits)()) return &value;
    fail(malformed(fmt::format("field '{}' has an unexpected type ({})", field, value.type_name())));
    return nullptr;
  }
  void fail(const Error& error) {
    if (!error_) error_ = error.in(what_);
  }

  const Json& json_;
  std::string what_;
  std::optional<Error> error_;
};

/// An optional parameter of a call that is a number; Malformed if it is something else or negative.
inline Result<std::optional<std::uint64_t>> read_number_parameter(const Json& parameters, const char* name) {
  const auto found = parameters.find(name);
  if (found == parameters.end() || found->is_null()) return std::optional<std::uint64_t>();
  if (!found->is_number_unsigned()) return malformed(fmt::format("{} is no number", name));
  return std::optional(found->get<std::uint64_t>());
}

/// A list of such records; the first that cannot be read is the error.
template <typename Row>
Result<std::vector<Row>> rows_from_json(const Json& json, Result<Row> (*from_json)(const Json&)) {
  if (!json.is_array()) return malformed("the list is not an array");
  std::vector<Row> rows;
  for (const Json& item : json) {
    Result<Row> row = from_json(item);
    if (!row) return row.error();
    rows.push_back(std::move(*row));
  }
  return rows;
}

}  // namespace tierwall::daemon

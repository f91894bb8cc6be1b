#pragma once
// Which of many selectors denote a thing, without asking all of them. Each is filed under one condition that it cannot
// do without: a label with one of some values, or a label at all; of several that under which fewest are filed. What
// has no such condition is always asked.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/label.h"
#include "policy/selector.h"

namespace tierwall::policy {

/// What must be true of everything the selector denotes.
struct RequiredLabel {
  std::string key;
  std::optional<std::vector<std::string>> values = {};  ///< absent: any

  friend bool operator==(const RequiredLabel&, const RequiredLabel&) = default;
};

/// The conditions that follow from the selector's form; there may be others.
std::vector<RequiredLabel> required_labels(const Selector& selector);
/// The only namespace in which the selector denotes anything, if its form says so.
std::optional<std::string> required_namespace(const Selector& selector);

class SelectorIndex {
 public:
  using Number = std::uint32_t;

  /// Borrows the selector until it is removed. Pre: the number is not in use.
  void add(Number number, const Selector& selector);
  void remove(Number number);
  [[nodiscard]] bool empty() const { return selectors_.empty(); }
  /// Those that denote what answers so, ascending.
  [[nodiscard]] std::vector<Number> matching(const LabelScope& scope) const;

 private:
  struct Entry {
    const Selector* selector = nullptr;
    std::optional<RequiredLabel> filed = {};  // under what; absent: always asked
  };
  struct Filed {
    std::map<std::string, std::vector<Number>, std::less<>> by_value;
    std::vector<Number> of_any_value;
  };

  [[nodiscard]] std::size_t company(const RequiredLabel& label) const;
  [[nodiscard]] std::optional<RequiredLabel> choose_label(const Selector& selector) const;

  void append_matching(const std::vector<Number>& candidates, const LabelScope& scope,
                       std::vector<Number>& found) const;

  std::map<Number, Entry> selectors_;
  std::map<std::string, Filed, std::less<>> by_key_;
  std::vector<Number> always_;
};

}  // namespace tierwall::policy

#include "policy/review.h"

#include <algorithm>

#include "policy/review_parts.h"

namespace tierwall::policy {

namespace {

constexpr std::size_t kListedNames = 3;

}  // namespace

std::string list_names(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kListedNames; ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kListedNames) text += " and " + std::to_string(names.size() - kListedNames) + " more";
  return text;
}

std::string rule_field(Direction direction, int number) {
  return "spec." + std::string(print_direction(direction)) + "[" + std::to_string(number - 1) + "]";
}

std::vector<Diagnostic> review(const Snapshot& snapshot, const Locate& locate, TieBreak tie_break,
                               const Failsafes& failsafes) {
  std::vector<Diagnostic> found;
  const auto take = [&](std::vector<Warning> warnings) {
    for (Warning& warning : warnings) {
      found.push_back({.where = locate(warning.key).value_or(Location{}),
                       .severity = Severity::Warning,
                       .object = std::string(written_kind(warning.key.kind)) + " " + print_name(warning.key),
                       .field = std::move(warning.field),
                       .message = std::move(warning.message)});
    }
  };
  take(review_world(snapshot));
  take(review_rules(snapshot, tie_break));
  take(review_name_resolution(snapshot, tie_break));
  take(review_hosts(snapshot, tie_break, failsafes));
  std::ranges::sort(found);
  return found;
}

}  // namespace tierwall::policy

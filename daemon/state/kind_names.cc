#include "daemon/state/kind_names.h"

#include <map>

namespace tierwall::daemon {

namespace {

using policy::Kind;

std::map<std::string_view, Kind> kinds_by_name() {
  std::map<std::string_view, Kind> kinds;
  for (int i = 0; i <= static_cast<int>(kLastKind); ++i) {
    const auto kind = static_cast<Kind>(i);
    kinds.emplace(policy::print_kind(kind), kind);
  }
  return kinds;
}

}  // namespace

std::optional<Kind> parse_kind_name(std::string_view name) {
  static const std::map<std::string_view, Kind> kinds = kinds_by_name();
  const auto found = kinds.find(name);
  if (found == kinds.end()) return std::nullopt;
  return found->second;
}

}  // namespace tierwall::daemon

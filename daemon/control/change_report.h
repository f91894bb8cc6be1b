#pragma once
// What a change of the policy directory did, as the control socket tells it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/control/status.h"
#include "policy/result.h"

namespace tierwall::daemon {

struct ObjectDelta {
  std::string change;  ///< "created", "changed", "removed"
  std::string object;  ///< "GlobalNetworkPolicy quarantine"

  friend auto operator<=>(const ObjectDelta&, const ObjectDelta&) = default;
};

struct ChangeReport {
  std::uint64_t generation = 0;                  ///< in force now
  std::vector<std::string> files = {};           ///< that were written or removed; none: there was nothing to do
  std::vector<ObjectDelta> changes = {};         ///< of objects, sorted
  std::optional<std::int64_t> deadline_ms = {};  ///< Unix time until which it must be confirmed; absent: it is final

  friend bool operator==(const ChangeReport&, const ChangeReport&) = default;
};

Json to_json(const ChangeReport& report);
/// Inverse of to_json; Malformed if a field is missing or of another type.
Result<ChangeReport> change_report_from_json(const Json& json);

}  // namespace tierwall::daemon

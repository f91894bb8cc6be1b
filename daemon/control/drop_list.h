#pragma once
// Denials as they travel.

#include <string>
#include <vector>

#include "daemon/control/status.h"
#include "daemon/drops/drop_log.h"
#include "daemon/state/state_store.h"
#include "policy/result.h"

namespace tierwall::daemon {

Json to_json(const LoggedDrop& entry);
Result<LoggedDrop> logged_drop_from_json(const Json& json);

struct DropPage {
  std::vector<LoggedDrop> drops;
  std::uint64_t last = 0;  ///< number of the newest entry there is: what to ask behind next time
  std::string trouble{};   ///< why nothing, or not everything, is told of; empty: all is well

  friend bool operator==(const DropPage&, const DropPage&) = default;
};

Json to_json(const DropPage& page);
Result<DropPage> drop_page_from_json(const Json& json);

/// The entry as the state store keeps it.
std::string print_told(const LoggedDrop& entry);
/// What the store keeps, sorted by number. What cannot be read is left out: it is a sample.
std::vector<LoggedDrop> read_told(const ToldDrops& told);

}  // namespace tierwall::daemon

#pragma once
// Denials as they travel.

#include <vector>

#include "daemon/control/status.h"
#include "daemon/drops/drop_log.h"
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

}  // namespace tierwall::daemon

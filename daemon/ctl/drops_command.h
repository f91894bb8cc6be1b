#pragma once
// tierwall drops: what this node denied of late, and by which policy.

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/control/control_client.h"
#include "daemon/control/drop_list.h"
#include "daemon/ctl/context.h"
#include "daemon/ctl/history_door.h"
#include "daemon/ctl/traffic_filter.h"

namespace tierwall::daemon::ctl {

/// Which drops are meant; what is empty means all of them.
struct DropFilter {
  TrafficFilter traffic;
  std::string direction;  ///< of the policy
  std::string policy;     ///< "NAME" or "NAMESPACE/NAME"

  [[nodiscard]] bool matches(const Drop& drop) const;
};

struct DropsOptions {
  DropFilter filter = {};
  std::uint64_t last = 20;
  std::string since = {};  ///< "10m": not older than that
  bool follow = false;
  bool legend = true;
  std::string socket = kDefaultControlSocket;
  std::string state = kDefaultStateFile;  ///< read where no daemon answers
  Output output = Output::Text;
};

/// Exit: kOk, kNotRunning, kDaemonUsage. Follows until it is interrupted, or its reader goes.
int drops_command(const DropsOptions& options, const Context& context);

/// "2026-03-01 12:00:00  shop/web  10.0.0.9  tcp 5432  ...", aligned.
std::string print_drops(const std::vector<LoggedDrop>& drops, bool legend);

}  // namespace tierwall::daemon::ctl

#pragma once
// tierwall history: what was in force, when, and who changed it. Without a daemon the state file itself is read.

#include <string>
#include <vector>

#include "daemon/control/history.h"
#include "daemon/ctl/context.h"
#include "daemon/ctl/history_door.h"

namespace tierwall::daemon::ctl {

struct HistoryOptions {
  std::vector<std::string> words;  ///< nothing, or "show" and a generation
  std::string limit = "20";
  HistoryDoor door;
  Output output = Output::Text;
};

/// Exit: kOk, kRefused (not remembered), kBadInput usage, kNotRunning (no daemon and no readable state).
int history_command(const HistoryOptions& options, const Context& context);

/// A table, the newest first, and one generation in full; each ended by a newline.
std::string print_history(const std::vector<HistoryRow>& rows);
std::string print_generation(const HistoryRow& row);

}  // namespace tierwall::daemon::ctl

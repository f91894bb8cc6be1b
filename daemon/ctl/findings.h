#pragma once
// What is not as it should be on a node, and what to do about it. Pure.

#include <optional>
#include <string>
#include <vector>

#include "daemon/control/status.h"
#include "daemon/ctl/host_facts.h"

namespace tierwall::daemon::ctl {

/// What the daemon found when it compared what it keeps up to date with what is made from scratch.
struct SelfCheck {
  std::optional<std::string> differs;  ///< absent: nothing does
  std::int64_t duration_us = 0;

  friend bool operator==(const SelfCheck&, const SelfCheck&) = default;
};

struct Finding {
  enum class Level { Fine, Note, Warning, Error };
  Level level = Level::Fine;
  std::string what;    ///< "bridge", "connection tracking"
  std::string words;   ///< what is so
  std::string remedy;  ///< what to do; empty where nothing is to be done

  friend bool operator==(const Finding&, const Finding&) = default;
};

std::string_view print_level(Finding::Level level);  ///< "ok", "note", "warning", "error"

/// One finding at least about everything that was looked at, so that what is fine is seen to have been looked at.
/// `status` is absent where no daemon answers; `self_check` where it was not asked for, or could not be made.
std::vector<Finding> examine(const HostFacts& facts, const std::optional<StatusReport>& status,
                             const std::optional<SelfCheck>& self_check);

}  // namespace tierwall::daemon::ctl

#pragma once
// tierwall apply, confirm, release, rollback: changes of the policy directory, asked from the daemon.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/control/change_report.h"
#include "daemon/ctl/changed_world.h"
#include "daemon/ctl/context.h"
#include "policy/result.h"

namespace tierwall::daemon::ctl {

struct ApplyOptions {
  WorldChange change;
  std::string confirm;  ///< "60s"; empty: final at once
  std::string socket;
  Output output = Output::Text;
};

struct ConfirmOptions {
  std::string socket;
  Output output = Output::Text;
};

struct RollbackOptions {
  std::string generation;  ///< empty: the change that waits, or the last one
  std::string confirm;
  std::string socket;
  Output output = Output::Text;
};

/// Exit of all four: kOk done, kRefused with nothing changed, kBadInput usage, kNotRunning.
int apply_command(const ApplyOptions& options, const Context& context);
int confirm_command(const ConfirmOptions& options, const Context& context);
/// Lets through what the lock-out guard holds.
int release_command(const ConfirmOptions& options, const Context& context);
int rollback_command(const RollbackOptions& options, const Context& context);

/// "60s", "10min", "2h", "1500ms". Malformed unless it is a number with a unit, from 1 s to 24 h.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// What was done, ended by a newline.
std::string print_change(const ChangeReport& report, std::string_view done,
                         std::optional<std::chrono::milliseconds> wait);

/// The exit code of a call that failed, its reason told on the error stream: kNotRunning or kRefused.
int report_refusal(const Error& error, const std::string& socket, std::string_view verb, const Context& context);

}  // namespace tierwall::daemon::ctl

#pragma once
// The rules that were asked, as a few lines: what failed for the same reason is told once, and a policy of hundreds of
// rules does not fill the screen.

#include <string>
#include <vector>

#include "daemon/ctl/walk.h"

namespace tierwall::daemon::ctl {

inline constexpr std::size_t kShownRuleLines = 8;  ///< per policy

struct RuleLine {
  std::string text;      ///< "rules 1-3 Deny: port 443 is not 80", "... and 117 more rules, none matches"
  bool decides = false;  ///< the rule that decided, or passed

  friend bool operator==(const RuleLine&, const RuleLine&) = default;
};

/// In the order asked; the line that decides is always among them. `decided`: the last of `asked` decided.
std::vector<RuleLine> list_rules(const policy::NodePolicy& resolved, const std::vector<policy::ResolvedRule>& rules,
                                 const std::vector<AskedRule>& asked, bool decided, const policy::Flow& flow);

}  // namespace tierwall::daemon::ctl

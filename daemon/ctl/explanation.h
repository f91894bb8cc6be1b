#pragma once
// The answer about one flow as text that teaches: both sides, tier by tier, what was asked and why it did not match,
// and at the end one plain sentence.

#include <string>

#include "daemon/ctl/worlds.h"

namespace tierwall::daemon::ctl {

/// Pre: the answer is one of `worlds`. Lines are at most kTextWidth wide, names permitting.
std::string explain_in_text(const Answer& answer, const Worlds& worlds, bool color);

}  // namespace tierwall::daemon::ctl

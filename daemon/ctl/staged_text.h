#pragma once
// What staged policies would change for one flow, in words.

#include <string>

#include "daemon/ctl/worlds.h"

namespace tierwall::daemon::ctl {

/// The walks of the sides that would be decided otherwise; empty if none would. `view` is of the staged world.
/// Pre: the answer has a staged side.
std::string print_staged_sides(const Answer& answer, const PolicyView& view, bool color);

/// Both verdicts, one below the other, and a sentence on what decides differently. Pre: as above.
std::string compare_with_staged(const Answer& answer, bool color);

/// That sentence alone: "Nothing changes: ...", "The ingress of pod a/x would be decided by ... instead of ...".
std::string summarise_change(const Answer& answer);

}  // namespace tierwall::daemon::ctl

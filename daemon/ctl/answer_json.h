#pragma once
// The contract's JSON answer about one flow (design.md 1).

#include "daemon/ctl/worlds.h"

namespace tierwall::daemon::ctl {

/// {"verdict", "egress": D|null, "ingress": D|null}; with host endpoints on the way between "crossing": [D...]; with
/// staged policies "staged", the same of their world; and "disagreement" where there is one.
Json to_json(const Answer& answer);

}  // namespace tierwall::daemon::ctl

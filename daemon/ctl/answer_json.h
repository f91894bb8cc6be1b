#pragma once
// The contract's JSON answer about one flow (design.md 1).

#include <string>

#include "daemon/ctl/worlds.h"

namespace tierwall::daemon::ctl {

/// {"verdict", "egress": D|null, "ingress": D|null}; with host endpoints on the way between "crossing": [D...]; with
/// staged policies "staged", the same of their world; and "disagreement" where there is one.
Json to_json(const Answer& answer);

/// JSON's null for a text that is empty.
inline Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

}  // namespace tierwall::daemon::ctl

#pragma once
// The http clause of a Calico rule (calico.md 1.8). Nothing of it can be enforced on packets, so it is only validated.

#include "daemon/sources/decode_reader.h"

namespace tierwall::daemon {

/// Reports what Calico would not accept.
void read_http(const Cursor& at);

}  // namespace tierwall::daemon

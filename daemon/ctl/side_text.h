#pragma once
// One side of a connection as text: the egress of its source or the ingress of its destination.

#include <string>

#include "daemon/ctl/connection.h"

namespace tierwall::daemon::ctl {

/// "pod shop/web-1 (10.1.1.1)".
std::string name_with_address(const Party& party);

/// A title with the verdict, and the walk below it; or why nothing judges this side. `view` is of the world the
/// connection was judged in.
std::string print_side(const Connection& connection, const PolicyView& view, policy::Direction direction, bool color);

}  // namespace tierwall::daemon::ctl

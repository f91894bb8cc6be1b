#pragma once
// What a host endpoint said about a connection, class by class, as text.

#include <string>

#include "daemon/ctl/connection.h"

namespace tierwall::daemon::ctl {

/// "from its pod", "by eth0"; empty where the interface is not known.
std::string print_way(const policy::Passage& passage, policy::Direction direction);

/// `title` with the verdict, and below it the classes of policy that were asked. `view` is of the world the connection
/// was judged in.
std::string print_host_answer(const std::string& title, const HostAnswer& answer, const policy::Flow& flow,
                              const PolicyView& view, bool color);

/// The same of all that the connection crosses, with a title each and an empty line in front. Empty if that is nothing.
std::string print_crossing(const Connection& connection, const PolicyView& view, bool color);

}  // namespace tierwall::daemon::ctl

#pragma once
// A judged connection in one plain sentence, and who it was that decided.

#include <optional>
#include <string>

#include "daemon/ctl/connection.h"

namespace tierwall::daemon::ctl {

/// "Denied: GlobalNetworkPolicy quarantine (tier security) rule 1 denies what pod shop/web-1 receives from pod
/// shop/api-1 on tcp 80."
std::string summarise(const Connection& connection);

/// What decided one side, for tables and comparisons: "GlobalNetworkPolicy quarantine (tier security) rule 1", "the end
/// of tier default", "Profile kns.shop", "no policy".
std::string name_decider(const policy::Decision& decision);

/// Is the text ("KIND NS/NAME", "tier NAME", "HostEndpoint NAME") what decided this? A policy whose tier's end denied
/// decides too, because it isolates; KIND NetworkPolicy also names a KubernetesNetworkPolicy, as its manifest does.
bool is_because_of(const policy::Decision& decision, const std::string& text);

}  // namespace tierwall::daemon::ctl

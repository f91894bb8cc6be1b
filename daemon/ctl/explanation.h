#pragma once
// A judged connection in words and in JSON. Text and JSON are made of the same decision, so they cannot disagree.

#include <optional>
#include <string>

#include "daemon/ctl/connection.h"
#include "policy/node_policy.h"

namespace tierwall::daemon::ctl {

/// One sentence without a dot: "denied: pod a/x may not send to pod a/y on tcp 80: egress: ...".
std::string summarise(const Connection& connection);

/// The sentence, notes, and for each direction the walk tier by tier, policy by policy.
std::string explain_in_text(const Connection& connection, const policy::NodePolicy& policy, bool color);

/// The contract's answer: {"verdict", "egress": D|null, "ingress": D|null}, and "disagreement" where there is one.
Json explain_in_json(const Connection& connection, const std::optional<std::string>& disagreement);

/// Is the text ("KIND NS/NAME", "tier NAME") what decided this? A policy whose tier's end denied decides too, because
/// it isolates; KIND NetworkPolicy also names a KubernetesNetworkPolicy, as its manifest does.
bool is_because_of(const policy::Decision& decision, const std::string& text);

}  // namespace tierwall::daemon::ctl

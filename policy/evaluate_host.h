#pragma once
// What the host endpoints of one node make of the first packet of a connection on its way through that node (calico.md
// 4.2, 4.3). The reference beside policy/evaluate.h; pods judge with their own policy besides (evaluate_connection).
//
//   in by an interface --> untracked --> preDNAT --+--> normal --> the node's own processes
//                                                  +--> forward --> (pods) --> forward --> out by an interface
//   the node's own processes --> untracked --> normal --> out by an interface
//
// A host endpoint of named interfaces judges everything that comes in by them. That of all interfaces ("*") leaves what
// pods of this node send to the pods' own policy: of its classes only preDNAT and forward see it. What the node sends
// to its own pods is judged by no host endpoint. Neighbour discovery and DHCPv6 always pass, and failsafe ports are
// judged by no class but Forward.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/evaluate.h"
#include "policy/failsafe.h"
#include "policy/node_policy.h"

namespace tierwall::policy {

/// The way of a packet through one node.
struct Passage {
  std::string node = {};
  std::optional<std::string> in = {};   ///< the interface it enters by; absent: from the node's own processes
  std::optional<std::string> out = {};  ///< the interface it leaves by; absent: for the node's own processes
  bool from_pod = false;                ///< a pod of this node sent it
  bool to_pod = false;                  ///< it is for a pod of this node

  friend bool operator==(const Passage&, const Passage&) = default;
};

/// Stands for the interface of a pod where a Passage needs its name and nobody knows it: no host endpoint names it.
inline constexpr std::string_view kPodInterface = "(pod)";

/// The decisions of the host endpoints it meets, in order: at most one where it enters and one where it leaves. The
/// packet passes if all of them allow it. Addresses and ports of the flow are taken as they are: translation is the
/// caller's business.
std::vector<Decision> judge_passage(const NodePolicy& policy, const Passage& passage, const Flow& flow,
                                    const Failsafes& failsafes);

/// The classes this host endpoint is asked in, in order, where the packet enters the node by it (Ingress) or leaves by
/// it (Egress). Empty: it has nothing to say there.
std::vector<PolicyClass> classes_asked(const Passage& passage, const ResolvedHostEndpoint& endpoint,
                                       Direction direction);

/// What a DHCPv6 client receives (ingress) and sends (egress): a node with IPv6 may lose its address without it.
bool is_dhcpv6(Direction direction, const Flow& flow);

/// The failsafe that keeps this flow out of policy, if there is one. Ingress: to a port of this node; egress: to a port
/// of somebody else. In front of connection tracking replies count as well, so `untracked` looks at both lists and at
/// source ports (calico.md 4.4). `interface`: the one the packet enters or leaves by.
const Failsafe* find_failsafe(const Failsafes& failsafes, Direction direction, bool untracked, const Flow& flow,
                              std::string_view interface);

}  // namespace tierwall::policy

#pragma once
// The reference semantics: what must happen to the first packet of a connection, and why (calico.md 3.3). Everything
// else that judges packets (the compiled table, the kernel) is tested against this.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/node_policy.h"

namespace tierwall::policy {

/// The first packet of a connection. Addresses are those after DNAT and before SNAT. An absent address belongs to an
/// end whose address nobody knows (this node's own processes, say): no selector denotes it and no block contains it.
struct Flow {
  std::optional<Address> source = {};
  std::optional<Address> destination = {};
  Family family = Family::V4;
  Protocol protocol = kTcp;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  Icmp icmp = {};  ///< of ICMP and ICMPv6 flows

  friend bool operator==(const Flow&, const Flow&) = default;
};

enum class Verdict { Allow, Deny };

/// Why an endpoint's policy decided as it did.
enum class Reason { Rule, TierDefault, Profile, NoPolicy, HostToPod, NeighbourDiscovery, Failsafe, Dhcpv6 };

std::string_view print_verdict(Verdict verdict);  ///< "allow"
std::string_view print_reason(Reason reason);     ///< "rule", "tier-default", "profile", "no-policy", "host-to-pod",
                                                  // "neighbour-discovery", "failsafe", "dhcpv6"

/// One step of the way to a decision.
struct TrailStep {
  enum class Kind {
    NoMatch,      ///< no rule of the policy matched
    Logged,       ///< a Log rule matched; evaluation went on
    Matched,      ///< this rule decided, or passed
    TierDefault,  ///< the end of a tier: Deny or Pass
    Profile,      ///< the profile decided
    NoPolicy,     ///< no policy applies in this direction
    Failsafe,     ///< of host endpoints: a failsafe port, which this class of policy does not judge
    Undecided,    ///< of host endpoints: this class of policy did not decide, and the next is asked
  };
  Kind kind = Kind::NoMatch;
  std::string tier;                   ///< empty for Profile and NoPolicy
  std::optional<ResourceKey> policy;  ///< of NoMatch, Logged, Matched; the profile of Profile
  std::optional<int> rule;
  std::string outcome;  ///< "Allow", "Deny", "Pass", "no rule matched", ... in words

  friend bool operator==(const TrailStep&, const TrailStep&) = default;
};

/// Where a host endpoint decided.
struct HostPoint {
  std::string endpoint;  ///< name of the HostEndpoint
  PolicyClass policy_class = PolicyClass::Normal;
  Direction direction = Direction::Ingress;

  friend bool operator==(const HostPoint&, const HostPoint&) = default;
};

/// The answer of one endpoint in one direction.
struct Decision {
  Verdict verdict = Verdict::Deny;
  Reason reason = Reason::NoPolicy;
  std::string tier;
  std::optional<ResourceKey> policy;  ///< of Rule; the profile of Profile
  std::optional<int> rule;            ///< number as written, from 1
  std::vector<TrailStep> trail;
  std::optional<HostPoint> host = {};  ///< which host endpoint decided; absent: a pod

  friend bool operator==(const Decision&, const Decision&) = default;
};

/// Neighbour discovery and multicast listener messages (ICMPv6 130 to 137 and 143): IPv6 does not work without them, so
/// no policy judges them (design.md 7.3).
bool is_neighbour_discovery(const Flow& flow);

/// What a rule can demand of a flow, in the order it is asked.
enum class Condition {
  Understood,  ///< nothing to ask: a rule to allow or log that was not understood
  Family,
  Protocol,
  NotProtocol,
  Icmp,
  NotIcmp,
  Selector,
  NotSelector,
  Nets,
  NotNets,
  Ports,
  NotPorts,
};

/// Why a rule does not match: the first condition that does not hold.
struct Unmet {
  Condition condition = Condition::Understood;
  bool at_source = false;  ///< of the conditions from Selector on: at the source, else at the destination

  friend bool operator==(const Unmet&, const Unmet&) = default;
};

/// Absent if the rule matches.
std::optional<Unmet> first_unmet(const NodePolicy& policy, const ResolvedRule& rule, const Flow& flow);

/// Does the rule match? A rule that was not understood matches nothing if it would allow or log, everything otherwise.
bool matches(const NodePolicy& policy, const ResolvedRule& rule, const Flow& flow);

/// What a rule does when it matches. Differs from what is written only for a Pass that was not understood: it denies,
/// because passing on what its author may have wanted to stop could open more than the policy without it.
Action effective_action(const ResolvedRule& rule);

/// What `endpoint` does with the flow in this direction: as the source for egress, the destination for ingress.
Decision evaluate(const NodePolicy& policy, const ResolvedEndpoint& endpoint, Direction direction, const Flow& flow);

/// What one treatment makes of the flow; absent if it leaves the decision to what follows, as Untracked, PreDnat and
/// Forward do at their end. The way there is appended to `trail`.
std::optional<Decision> evaluate(const NodePolicy& policy, const Treatment& treatment, const Flow& flow,
                                 std::vector<TrailStep>& trail);

/// A whole connection: the source's egress and the destination's ingress. A side without an endpoint is absent.
struct ConnectionDecision {
  Verdict verdict = Verdict::Allow;
  std::optional<Decision> egress;
  std::optional<Decision> ingress;

  friend bool operator==(const ConnectionDecision&, const ConnectionDecision&) = default;
};

/// Either end may be absent: an address outside, or the node's own processes. A pod's traffic to itself is never
/// judged (both sides absent, design.md 7.2).
ConnectionDecision evaluate_connection(const NodePolicy& policy, const ResolvedEndpoint* source,
                                       const ResolvedEndpoint* destination, const Flow& flow);

}  // namespace tierwall::policy

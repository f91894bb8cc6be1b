#pragma once
// A denial that somebody may want to know of: who wanted what from whom, and what in policy was against it.

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/drops/denied_packets.h"
#include "nft/compile.h"
#include "policy/node_policy.h"

namespace tierwall::daemon {

/// One end of it.
struct DropEnd {
  std::string address;
  std::string pod = {};  ///< "NAMESPACE/NAME", if a pod is known to have the address

  friend auto operator<=>(const DropEnd&, const DropEnd&) = default;
};

/// What is told. Equal but for count and times: the same thing again.
struct Drop {
  DropEnd source = {};
  DropEnd destination = {};
  std::string protocol = {};  ///< "tcp", or a number
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::optional<std::string> icmp = {};  ///< "8/0"
  std::string hook = {};                 ///< where: "forward", "input", ...
  std::string in_interface = {};
  std::string out_interface = {};
  /// Why: "rule", "tier-default", "profile", "no-policy", "unknown-pod", "endpoint-to-host", or "changed": policy as it
  /// is now denies it no more.
  std::string by = {};
  std::string direction = {};  ///< of the policy: "ingress", "egress"; empty where no policy decided
  std::string endpoint = {};   ///< the HostEndpoint whose policy it was; empty: a pod's
  std::string tier = {};
  std::string kind = {};
  std::string ns = {};
  std::string name = {};
  int rule = 0;
  std::string words = {};        ///< all of that for people: "tier default, NetworkPolicy shop/web, rule 1"
  std::string counter = {};      ///< of `tierwall top`; empty: none
  std::uint64_t generation = 0;  ///< in force when it was looked at

  friend auto operator<=>(const Drop&, const Drop&) = default;
};

/// Who denied it: "ingress, tier default, NetworkPolicy shop/web, rule 1", and the host endpoint if it is one's policy.
std::string name_decider(const Drop& drop);

/// What the packet met, judged by the policy in force. `options` are those its table was made with.
Drop explain_drop(const DeniedPacket& packet, const policy::NodePolicy& policy, const nft::CompileOptions& options);

}  // namespace tierwall::daemon

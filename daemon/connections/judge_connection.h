#pragma once
// What policy says now to a connection that is established. It is judged as its first packet would be: original source,
// destination after DNAT, by the policy of pods of this node at either end, by endpoint_to_host, and by host endpoints.
// Pure: reads values, decides, touches nothing.
//
// Left alone, because the entry of a connection does not tell enough: connections of other conntrack zones, children of
// other connections, the node with itself, addresses of the node's pod CIDRs that no pod is known of, and of host
// endpoints what was translated where preDNAT policy judges, or is reached by no interface.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "daemon/connections/connection_table.h"
#include "nft/compile.h"
#include "policy/evaluate.h"
#include "policy/evaluate_host.h"

namespace tierwall::daemon {

/// What connections are judged by: what is in force.
struct JudgedBy {
  const policy::NodePolicy& policy;
  const nft::CompileOptions& options;
  const std::set<policy::Address>& own_addresses;  ///< of the node's interfaces
  /// By which interface an address is reached, and so comes from; empty: by none. Asked only where host endpoints are.
  std::function<std::string(const policy::Address&)> interface_to;
};

struct ConnectionJudgement {
  enum class Fate {
    Unjudged,  ///< nobody can say
    Stays,     ///< allowed, or nothing here judges it
    Denied,
  };
  Fate fate = Fate::Unjudged;
  bool concerns_us = false;                   ///< an endpoint of this node is at one of its ends
  std::string denier = {};                    ///< of Denied, in words: "KubernetesNetworkPolicy app/web (tier default)"
  std::optional<SocketEnds> own_socket = {};  ///< of Denied: TCP, and this node itself is one of the ends

  friend bool operator==(const ConnectionJudgement&, const ConnectionJudgement&) = default;
};

class ConnectionJudge {
 public:
  /// Borrows everything `by` names. Building one costs a step per pod of this node.
  explicit ConnectionJudge(JudgedBy by);

  [[nodiscard]] ConnectionJudgement judge(const TrackedConnection& connection) const;
  /// "tcp 10.0.0.1:40000 (pod app/web) to 10.0.0.2:80 (pod app/db)", the ends as policy sees them.
  [[nodiscard]] std::string describe(const TrackedConnection& connection) const;

 private:
  struct Ends {
    const policy::ResolvedEndpoint* from_pod = nullptr;
    const policy::ResolvedEndpoint* to_pod = nullptr;
    bool from_node = false;
    bool to_node = false;
  };
  enum class HostAnswer { Passes, Unsure };

  [[nodiscard]] Ends find_ends(const TrackedConnection& connection) const;
  [[nodiscard]] const policy::ResolvedEndpoint* find_pod(const policy::Address& address) const;
  [[nodiscard]] bool is_pod_address(const policy::Address& address) const;
  [[nodiscard]] bool may_be_unknown_pod(const policy::Address& address) const;
  [[nodiscard]] std::optional<std::string> pods_denial(const Ends& ends, const policy::Flow& flow) const;
  [[nodiscard]] std::optional<std::string> hosts_denial(const Ends& ends, const TrackedConnection& connection,
                                                        const policy::Flow& flow, HostAnswer& answer) const;
  [[nodiscard]] std::string describe_end(const policy::Address& address, std::uint16_t port, bool has_port) const;

  JudgedBy by_;
  std::map<policy::Address, const policy::ResolvedEndpoint*> pods_;
  bool has_host_endpoints_ = false;
  bool has_pre_dnat_ = false;
};

}  // namespace tierwall::daemon

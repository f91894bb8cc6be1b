#pragma once
// A flow in a world: which pods its ends are, what the first packet looks like, and what the reference evaluator says
// of it, for the whole cluster. Policy is resolved once; every flow is judged against that.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/ctl/flow_text.h"
#include "daemon/ctl/walk.h"
#include "nft/compile.h"
#include "policy/evaluate.h"
#include "policy/evaluate_host.h"
#include "policy/failsafe.h"
#include "policy/inventory.h"
#include "policy/node_policy.h"
#include "policy/ordering.h"
#include "policy/result.h"

namespace tierwall::daemon::ctl {

/// One end of a flow, found in the world. Borrows from the judge that found it.
struct Party {
  std::string words;                 ///< "pod dev-app/web-1", "192.0.2.1", "node node-1", "outside traffic on eth0"
  const policy::Pod* pod = nullptr;  ///< if it is a pod's end
  const policy::ResolvedEndpoint* endpoint = nullptr;  ///< present with `pod`
  std::optional<policy::Address> address;              ///< of the flow's family, if known
  std::optional<std::string> host_of;                  ///< the node whose own processes this end is
  std::optional<std::string> interface = {};           ///< outside traffic by this interface of `node`
  std::string node = {};                               ///< with `interface`; empty in a world without host endpoints
};

/// What a host endpoint said, and on which way through its node it was asked.
struct HostAnswer {
  policy::Passage passage;
  policy::Decision decision;  ///< its `host` names the endpoint
};

/// What the configuration of a node closes whatever policy says (dataplane.unknown_pod, host.endpoint_to_host).
struct ClosedBySetting {
  std::string node;
  std::string why;  ///< "10.0.1.9 is in the pod CIDRs of node-1 and no pod is known to have it"

  friend bool operator==(const ClosedBySetting&, const ClosedBySetting&) = default;
};

/// A judged connection. Where an end is a node's own processes and a host endpoint judges it, the decision of that side
/// is the host endpoint's.
struct Connection {
  policy::Flow flow;
  Party source;
  Party destination;
  bool to_itself = false;                   ///< a pod's own address inside its own namespace: never judged
  bool to_own_host = false;                 ///< the packet meets the input hook, not the forward hook
  policy::ConnectionDecision decision;      ///< its verdict is that of all, those in `crossing` too
  std::optional<policy::Passage> leaving;   ///< with a host endpoint's decision on the egress side: the way it judged
  std::optional<policy::Passage> entering;  ///< the same on the ingress side
  std::vector<policy::Passage> passages;    ///< through the nodes it crosses, in order
  std::vector<HostAnswer> crossing;         ///< of what crosses a node, in the order it is asked
  std::optional<ClosedBySetting> closed;    ///< the verdict is a denial then
  bool among_host_endpoints = false;        ///< the world has some, whether or not they judge this
  std::vector<std::string> notes;           ///< how the words were taken, where that is not plain

  /// Of all who were asked: the source, those on the way, the destination.
  [[nodiscard]] std::vector<const policy::Decision*> decisions() const;
};

struct JudgeOptions {
  /// Whose own processes `host` means; absent: this machine's (`host_name`) if pods run on it, else the node of the pod
  /// at the other end.
  std::optional<std::string> node = {};
  std::string host_name = {};
  policy::TieBreak tie_break = policy::TieBreak::Calico332;
  policy::Failsafes failsafes = policy::default_failsafes();  ///< manifests say nothing of them
  /// What the configuration of one node says (it is named in there); absent: only manifests are known.
  std::optional<nft::CompileOptions> of_node = {};
};

class ConnectionJudge {
 public:
  /// Pre: the snapshot outlives the judge.
  ConnectionJudge(const policy::Snapshot& snapshot, const JudgeOptions& options);
  ConnectionJudge(const ConnectionJudge&) = delete;
  ConnectionJudge& operator=(const ConnectionJudge&) = delete;

  /// Malformed or NotFound if the flow cannot exist in this world: the pod is not there or is no endpoint, the ends
  /// share no family.
  [[nodiscard]] Result<Connection> judge(const FlowText& text) const;
  /// What the flows are judged by, for telling how it went. Borrows from the judge.
  [[nodiscard]] PolicyView view() const { return {snapshot_, tiers_, policy_, failsafes_}; }

 private:
  [[nodiscard]] Result<Party> find_party(const End& end, std::vector<std::string>& notes) const;
  [[nodiscard]] Result<Party> find_pod(const policy::ResourceKey& key) const;
  [[nodiscard]] Party find_outside(const End& end, std::vector<std::string>& notes) const;
  [[nodiscard]] const policy::ResolvedEndpoint* find_endpoint(const policy::Address& address) const;
  void place_host(Party& host, const Party& other, std::vector<std::string>& notes) const;
  void place_interface(Party& outside, const Party& other, std::vector<std::string>& notes) const;
  void recognise_host(Party& party, const Party& other, std::vector<std::string>& notes) const;
  void find_host_address(Party& host, policy::Family family, std::vector<std::string>& notes) const;
  void ask_host_endpoints(Connection& connection) const;
  void ask_settings(Connection& connection) const;
  [[nodiscard]] std::optional<std::string> find_unknown_pod(const Connection& connection,
                                                            const policy::Passage& passage) const;
  void learn_hosts();

  /// Whose node is meant, and how that was found.
  struct Place {
    enum class Why { Named, Here, OfPod, OnlyOne, Unsaid };
    Why why = Why::Here;
    std::string node;
  };
  [[nodiscard]] Place choose_node(const Party& other) const;

  const policy::Snapshot& snapshot_;
  std::optional<std::string> node_;
  std::string host_name_;
  policy::Failsafes failsafes_;
  std::optional<nft::CompileOptions> of_node_;
  std::vector<policy::OrderedTier> tiers_;
  policy::NodePolicy policy_;
  std::map<policy::Address, std::size_t> endpoint_by_address_;
  std::map<std::string, std::vector<policy::Address>> hosts_;  // the nodes that pods name, with their addresses
  std::set<std::string> governed_;  // the nodes that host endpoints name; they are among hosts_
};

}  // namespace tierwall::daemon::ctl

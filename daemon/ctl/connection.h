#pragma once
// A flow in a world: which pods its ends are, what the first packet looks like, and what the reference evaluator says
// of it, for the whole cluster. Policy is resolved once; every flow is judged against that.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/ctl/flow_text.h"
#include "daemon/ctl/walk.h"
#include "policy/evaluate.h"
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
};

/// A judged connection.
struct Connection {
  policy::Flow flow;
  Party source;
  Party destination;
  bool to_itself = false;    ///< a pod's own address inside its own namespace: never judged
  bool to_own_host = false;  ///< the packet meets the input hook, not the forward hook
  policy::ConnectionDecision decision;
  std::vector<std::string> notes;  ///< how the words were taken, where that is not plain
};

struct JudgeOptions {
  /// Whose own processes `host` means; absent: this machine's (`host_name`) if pods run on it, else the node of the pod
  /// at the other end.
  std::optional<std::string> node = {};
  std::string host_name = {};
  policy::TieBreak tie_break = policy::TieBreak::Calico332;
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
  [[nodiscard]] PolicyView view() const { return {snapshot_, tiers_, policy_}; }

 private:
  [[nodiscard]] Result<Party> find_party(const End& end, std::vector<std::string>& notes) const;
  [[nodiscard]] Result<Party> find_pod(const policy::ResourceKey& key) const;
  [[nodiscard]] const policy::ResolvedEndpoint* find_endpoint(const policy::Address& address) const;
  void place_host(Party& host, const Party& other, std::vector<std::string>& notes) const;
  void recognise_host(Party& party, const Party& other, std::vector<std::string>& notes) const;
  void find_host_address(Party& host, policy::Family family, std::vector<std::string>& notes) const;

  const policy::Snapshot& snapshot_;
  std::optional<std::string> node_;
  std::string host_name_;
  std::vector<policy::OrderedTier> tiers_;
  policy::NodePolicy policy_;
  std::map<policy::Address, std::size_t> endpoint_by_address_;
  std::map<std::string, std::vector<policy::Address>> hosts_;  // the nodes that pods name, with their addresses
};

}  // namespace tierwall::daemon::ctl

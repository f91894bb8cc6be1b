#pragma once
// The connections that people and the cluster need to reach this node, as far as it can see them: operators' sessions,
// the API server that is followed, and the kubelet's port for that API server. Losing one of them is being locked out.

#include <string>
#include <vector>

#include "policy/evaluate_host.h"
#include "policy/result.h"

namespace tierwall::daemon {

struct ManagementFlow {
  std::string what;         ///< "the session of 203.0.113.9 on tcp 22"
  policy::Flow flow;        ///< the first packet of such a connection
  policy::Passage passage;  ///< at this node; whether a pod is at an end is not said

  friend bool operator==(const ManagementFlow&, const ManagementFlow&) = default;
};

class ManagementFlows {
 public:
  virtual ~ManagementFlows() = default;
  /// Those there are now, each once. Fails only if nothing can be said at all.
  virtual Result<std::vector<ManagementFlow>> observe() = 0;
};

}  // namespace tierwall::daemon

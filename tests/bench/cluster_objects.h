#pragma once
// The cluster of design section 5 as objects of the API: pods of which the first few run here, and policies in
// Kubernetes style, each letting some pods of a namespace into some others of it by one port.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace tierwall::bench {

inline constexpr const char* kNode = "node-1";

struct ClusterShape {
  int pods = 10'000;
  int policies = 1'000;
  int local_pods = 100;
};

/// The node and the namespaces.
std::vector<nlohmann::json> make_surroundings();
/// `wanted`: some policy takes it for a peer; otherwise none does.
nlohmann::json make_pod(int index, const ClusterShape& shape, bool wanted = true);
nlohmann::json make_policy(int index);
/// A policy that is in force on the node has the pod, if it is wanted, among its peers.
bool matters_here(int index, const ClusterShape& shape);

}  // namespace tierwall::bench

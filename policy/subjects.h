#pragma once
// Everything of a snapshot that selectors can denote, with the labels it answers to and the addresses it holds.

#include <memory>
#include <string>
#include <vector>

#include "policy/inventory.h"
#include "policy/label.h"

namespace tierwall::policy {

/// A pod with the addresses it holds, or a network set, or a node, or a host endpoint. Borrows from the snapshot.
struct Subject {
  LabelScope scope;
  const Pod* pod = nullptr;
  const NetworkSet* network_set = nullptr;
  std::vector<Address> addresses;
  const std::vector<ContainerPort>* ports = nullptr;  ///< of pods and host endpoints
  const HostEndpoint* host_endpoint = nullptr;
};

struct Subjects {
  std::vector<Subject> pods;  ///< that are endpoints, by namespace and name
  std::vector<Subject> network_sets;
  std::vector<Subject> nodes;           ///< denoted by node selectors only
  std::vector<Subject> host_endpoints;  ///< of all nodes, by name
  /// Labels that several profiles give one host endpoint; the scopes above point here.
  std::vector<std::unique_ptr<const Labels>> merged_labels;
  std::vector<std::string> remarks;  ///< pods that share an address
};

/// The snapshot outlives the answer.
Subjects find_subjects(const Snapshot& snapshot);

ResourceKey pod_key(const Pod& pod);

/// Does the policy apply to this pod? Says nothing about directions.
bool selects(const Snapshot& snapshot, const Policy& policy, const Pod& pod);
/// The same of a host endpoint, which only global policies that are enforced select.
bool selects(const Snapshot& snapshot, const Policy& policy, const HostEndpoint& endpoint);

}  // namespace tierwall::policy

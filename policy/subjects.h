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

// The pieces of it, for whoever keeps subjects while the world changes. Scopes borrow from the snapshot.

LabelScope scope_of(const Snapshot& snapshot, const Pod& pod);
LabelScope scope_of(const Snapshot& snapshot, const NetworkSet& set);
LabelScope scope_of(const Node& node);
/// `of_profiles`: what labels_of_profiles said.
LabelScope scope_of(const HostEndpoint& endpoint, const Labels& of_profiles);

/// What the profiles of a host endpoint give it; of two that give one label the first counts. May be nothing.
std::unique_ptr<const Labels> labels_of_profiles(const Snapshot& snapshot, const HostEndpoint& endpoint);

/// Of two pods with one address the running, younger one holds it (design.md 7.5).
bool outranks(const Pod& left, const Pod& right);
std::string print_shared_address(const Pod& holder, const Pod& other, const Address& address);

/// Does the policy apply to this pod? Says nothing about directions.
bool selects(const Snapshot& snapshot, const Policy& policy, const Pod& pod);
/// The same of a host endpoint, which only global policies that are enforced select.
bool selects(const Snapshot& snapshot, const Policy& policy, const HostEndpoint& endpoint);

}  // namespace tierwall::policy

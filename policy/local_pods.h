#pragma once
// The pods of the node as endpoints, kept while pods come and go: as long as the policies that select any of them stay
// the same, only endpoints and treatments change, and nothing has to be resolved anew.

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policy/address_claims.h"
#include "policy/inventory.h"
#include "policy/node_policy.h"
#include "policy/resolve_structure.h"

namespace tierwall::policy {

class LocalPods {
 public:
  explicit LocalPods(std::string node) : node_(std::move(node)) {}

  /// Takes note of the pods that come, go or change. Answers those that are or were endpoints of the node.
  std::vector<ResourceKey> note(const Snapshot& snapshot, const std::set<ResourceKey>& pods);
  /// Those that are endpoints of the node, by namespace and name.
  [[nodiscard]] std::vector<Subject> subjects(const Snapshot& snapshot, const AddressClaims& claims) const;
  /// Everything was resolved anew: from now on it is these policies that select them. Pre: of the subjects above.
  void adopt(Selections selections);

  enum class Outcome { Nothing, Endpoints, Unknown };
  /// Brings endpoints and treatments of `policy` up to date with what was noted of these pods. Unknown: other policies
  /// or profiles take part now, so it has to be resolved anew; the policy is as it was. Pre: no object that shapes
  /// policy changed since adopt().
  Outcome follow(const Snapshot& snapshot, const AddressClaims& claims, const std::vector<ResourceKey>& noted,
                 NodePolicy& policy);

 private:
  using Number = PolicyIndex::Number;

  [[nodiscard]] static Subject subject_of(const Snapshot& snapshot, const AddressClaims& claims, const Pod& pod);
  [[nodiscard]] bool select_anew(const std::map<ResourceKey, Subject>& come, const std::vector<ResourceKey>& noted);
  [[nodiscard]] std::vector<Treatment> treat(const ResourceKey& pod, const NodePolicy& policy) const;

  std::string node_;
  std::set<ResourceKey> pods_;  // that are endpoints
  PolicyIndex index_;
  std::vector<std::optional<PolicyPlace>> places_;     // by number
  std::vector<std::size_t> selected_;                  // by number: how many endpoints, of hosts too
  std::map<ResourceKey, std::vector<Number>> of_pod_;  // which policies select it
  std::map<std::string, std::size_t> in_namespace_;    // how many
};

}  // namespace tierwall::policy

#pragma once
// The members of the sets in force, kept while the world changes: an event visits the subjects it is about, and they
// the sets they are in or could be in. The members themselves stand in the NodePolicy; here is who gave them.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "policy/address_claims.h"
#include "policy/counted_members.h"
#include "policy/inventory.h"
#include "policy/policy_change.h"
#include "policy/selector_index.h"
#include "policy/set_query.h"
#include "policy/subjects.h"

namespace tierwall::policy {

class SetIndex {
 public:
  /// Takes changes of the world in: subjects and services that depend on the objects. Answers the pods looked at.
  /// Every object of the world has to be named once.
  std::set<ResourceKey> look_again(const Snapshot& snapshot, const std::set<ResourceKey>& changed);
  /// Brings the members in `policy` up to date with what was looked at, and says what is different.
  void settle(const Snapshot& snapshot, NodePolicy& policy, PolicyChange& change);
  /// From now on the sets are those of `next`, which has the queries: moves the members of those that stay from
  /// `former` and finds the others'. Pre: `former` is settled.
  void adopt(const Snapshot& snapshot, NodePolicy& former, NodePolicy& next, SetQueries queries);

  [[nodiscard]] const AddressClaims& claims() const { return claims_; }

 private:
  using Number = SelectorIndex::Number;
  using Name = std::pair<std::string, std::string>;  // namespace and name
  using ByMeaning = std::map<std::string, Number>;

  struct KeptSet {
    SetQuery query = {};
    SetId at = 0;  // in the NodePolicy
    CountedMembers<Address> addresses = {};
    CountedMembers<ServiceAddress> services = {};
    std::set<ResourceKey> network_sets = {};
    bool nets_touched = false;
  };
  /// What a subject gave to which sets. Numbers of sets that are gone may linger among them.
  struct Contribution {
    std::vector<Address> addresses = {};
    std::vector<ContainerPort> ports = {};
    std::vector<Number> sets = {};
  };

  std::set<ServiceName> note_slice(const Snapshot& snapshot, const ResourceKey& slice);
  void look_at(const Snapshot& snapshot, const ResourceKey& subject);
  void look_at_pod(const Snapshot& snapshot, const ResourceKey& key);
  void look_at_host_endpoint(const Snapshot& snapshot, const ResourceKey& key);
  void join(const ResourceKey& key, const std::vector<Number>& sets, const std::vector<Address>& addresses,
            const std::vector<ContainerPort>& ports);
  void leave(const ResourceKey& key);
  void change_members(const ResourceKey& key, const Contribution& contribution, Number number, bool gives);

  void settle_addresses(const Snapshot& snapshot, KeptSet& kept, NodePolicy& policy, PolicyChange& change) const;
  void settle_services(const Snapshot& snapshot, KeptSet& kept, NodePolicy& policy, PolicyChange& change) const;
  [[nodiscard]] std::vector<const EndpointSlice*> slices_of(const Snapshot& snapshot, const ServiceName& name) const;

  template <typename Sets>
  std::vector<Number> keep(ByMeaning& known, Sets& former, Sets& next, std::vector<SetQuery>& queries);
  void file(Number number);
  void retire(Number number);
  void forget_retired();
  void find_members(const Snapshot& snapshot, const std::vector<Number>& numbers);
  void find_pods(const Snapshot& snapshot, const SelectorIndex& wanted, const std::string* ns);

  AddressClaims claims_;
  std::map<ResourceKey, Contribution> contributions_;  // of subjects that are in a set
  std::map<Number, KeptSet> sets_;
  ByMeaning address_sets_;
  ByMeaning service_sets_;
  SelectorIndex of_endpoints_;  // sets of endpoints, network sets and named ports
  SelectorIndex of_nodes_;
  std::map<ServiceName, std::set<Number>> of_services_;
  std::map<ServiceName, std::set<Name>> slices_;
  std::map<Name, ServiceName> service_of_slice_;
  std::set<Number> touched_;
  Number next_number_ = 0;
  std::size_t retired_ = 0;  // since numbers were last removed from contributions
};

}  // namespace tierwall::policy

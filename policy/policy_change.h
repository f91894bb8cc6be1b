#pragma once
// What is different between two states of a NodePolicy, so that whoever follows it need not compare them.

#include <vector>

#include "policy/counted_members.h"
#include "policy/node_policy.h"

namespace tierwall::policy {

struct AddressSetChange {
  SetId set = 0;
  MemberChange<Address> addresses = {};
  bool nets = false;             ///< the set's ranges are others now
  bool nets_come_or_go = false;  ///< and of other families than before

  friend bool operator==(const AddressSetChange&, const AddressSetChange&) = default;
};

struct ServiceSetChange {
  SetId set = 0;
  MemberChange<ServiceAddress> members = {};

  friend bool operator==(const ServiceSetChange&, const ServiceSetChange&) = default;
};

struct PolicyChange {
  /// Anything may be different, and what is below says nothing. Otherwise only what is below, and remarks.
  bool everything = false;
  /// Pods of the node came, went or are treated otherwise: endpoints and treatments, whose numbers host endpoints have,
  /// too. Tiers, policies, profiles, and which sets there are, stay.
  bool endpoints = false;
  std::vector<AddressSetChange> address_sets = {};
  std::vector<ServiceSetChange> service_sets = {};

  [[nodiscard]] bool touches_sets() const { return everything || !address_sets.empty() || !service_sets.empty(); }
};

/// Makes `behind` equal to `ahead`, which differs from it by this change.
void follow(NodePolicy& behind, const NodePolicy& ahead, const PolicyChange& change);

}  // namespace tierwall::policy

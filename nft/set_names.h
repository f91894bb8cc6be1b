#pragma once
// How the sets of one family that stand for the policy's sets are called, and which of them a name is.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nft/member_sets.h"
#include "policy/node_policy.h"

namespace tierwall::nft {

class SetNames {
 public:
  struct OfAddressSet {
    std::string exact;   ///< hash set of exact addresses; always there
    std::string ranges;  ///< interval set; empty if the set has no ranges of this family
  };

  SetNames() = default;
  /// By policy::SetId.
  SetNames(std::vector<OfAddressSet> address_sets, std::vector<std::string> service_sets);
  SetNames(const policy::NodePolicy& policy, policy::Family family);

  [[nodiscard]] const OfAddressSet& address_set(policy::SetId id) const { return address_sets_[id]; }
  [[nodiscard]] const std::string& service_set(policy::SetId id) const { return service_sets_[id]; }

  struct Meaning {
    policy::SetId set = 0;
    MemberSet::Part part = MemberSet::Part::Exact;
  };
  /// Which part of which policy set that name is; nothing if it is none.
  [[nodiscard]] std::optional<Meaning> find(const std::string& name) const;

 private:
  std::vector<OfAddressSet> address_sets_;
  std::vector<std::string> service_sets_;
  std::map<std::string, Meaning> meanings_;
};

}  // namespace tierwall::nft

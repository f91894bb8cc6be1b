#pragma once
// Sets that hold the members of several policy sets at once, so that rules of equal verdict become one lookup. Named
// by the sets they unite; a union of one set is that set.

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nft/compile_rule.h"
#include "nft/ruleset.h"
#include "policy/node_policy.h"

namespace tierwall::nft {

/// What one set of the table is the union of. Its members follow from it: the exact addresses, or with `interval` the
/// nets, of those address sets, and the nets that rules write out.
struct SetUnion {
  policy::Family family = policy::Family::V4;
  bool interval = false;
  std::vector<policy::SetId> address_sets = {};  ///< sorted, unique
  policy::RangeSet nets = {};                    ///< of intervals

  friend bool operator==(const SetUnion&, const SetUnion&) = default;
};

/// The unions of one family that its chains look into.
class SetUnions {
 public:
  /// Borrows both.
  SetUnions(const policy::NodePolicy& policy, policy::Family family, const SetNames& names);

  [[nodiscard]] const SetNames& names() const { return names_; }
  [[nodiscard]] policy::Family family() const { return family_; }

  struct Member {
    policy::SetId set = 0;
    bool interval = false;
  };
  /// Which half of which policy set the set of that name is; nothing if it is none.
  [[nodiscard]] std::optional<Member> find(const std::string& set) const;

  /// The match that holds for every address in one of these. Pre: something is in the union.
  Match match(Field field, SetUnion united);

  /// By name, those that were asked for and are not simply one of the policy's sets.
  [[nodiscard]] const std::map<std::string, SetUnion>& all() const { return unions_; }

 private:
  std::string add(SetUnion&& united);

  const policy::NodePolicy& policy_;
  policy::Family family_;
  const SetNames& names_;
  std::map<std::string, Member> members_;
  std::map<std::string, SetUnion> unions_;
};

/// The set with its members.
Set make_union_set(const std::string& name, const SetUnion& united, const policy::NodePolicy& policy);

}  // namespace tierwall::nft

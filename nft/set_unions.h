#pragma once
// Sets that hold the members of several policy sets at once, so that rules of equal verdict become one lookup. Named
// by the sets they unite; a union of one set is that set.

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nft/member_sets.h"
#include "nft/ruleset.h"
#include "nft/set_names.h"
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
  SetUnions(const policy::NodePolicy& policy, policy::Family family, const SetNames& names)
      : policy_(policy), family_(family), names_(names) {}

  [[nodiscard]] const SetNames& names() const { return names_; }
  [[nodiscard]] policy::Family family() const { return family_; }

  /// The match that holds for every address in one of these. Pre: something is in the union.
  Match match(Field field, SetUnion united);

  /// What the set of that name holds: members of one of the policy's sets, or of several of which match() was told;
  /// nothing if it is neither.
  [[nodiscard]] std::optional<MemberSet> find_members(const std::string& set) const;
  /// In words.
  [[nodiscard]] std::string describe(const MemberSet& set) const;

 private:
  std::string add(SetUnion&& united);

  const policy::NodePolicy& policy_;
  policy::Family family_;
  const SetNames& names_;
  std::map<std::string, SetUnion> unions_;
};

}  // namespace tierwall::nft

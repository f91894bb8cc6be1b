#pragma once
// The members of a set while subjects come and go: several may give one member, which stays until the last one is gone.

#include <algorithm>
#include <iterator>
#include <map>
#include <vector>

#include "policy/result.h"

namespace tierwall::policy {

/// What is different in a set; both sorted and unique, and nothing is in both.
template <typename Member>
struct MemberChange {
  std::vector<Member> gone = {};
  std::vector<Member> come = {};

  [[nodiscard]] bool empty() const { return gone.empty() && come.empty(); }
  friend bool operator==(const MemberChange&, const MemberChange&) = default;
};

/// Counts who gives what, beside the sorted members themselves, which are elsewhere: only what is given more than once
/// takes memory here.
template <typename Member>
class CountedMembers {
 public:
  void add(const Member& member) { ++since_settled_[member]; }
  /// Pre: it was added.
  void remove(const Member& member) { --since_settled_[member]; }

  /// Brings the members up to date; answers what that changed.
  MemberChange<Member> settle(std::vector<Member>& members) {
    MemberChange<Member> change;
    for (const auto& [member, difference] : since_settled_) {
      if (difference == 0) continue;
      const bool was = std::ranges::binary_search(members, member);
      const long count = (was ? 1 + beyond_first(member) : 0) + difference;
      TIERWALL_CHECK(count >= 0);
      if (count > 1) {
        more_[member] = count - 1;
      } else {
        more_.erase(member);
      }
      if (was && count == 0) change.gone.push_back(member);
      if (!was && count > 0) change.come.push_back(member);
    }
    since_settled_.clear();
    apply(change, members);
    return change;
  }

 private:
  [[nodiscard]] long beyond_first(const Member& member) const {
    const auto more = more_.find(member);
    return more == more_.end() ? 0 : more->second;
  }

  static void apply(const MemberChange<Member>& change, std::vector<Member>& members) {
    if (change.empty()) return;
    std::vector<Member> kept;
    kept.reserve(members.size());
    std::ranges::set_difference(members, change.gone, std::back_inserter(kept));
    members.clear();
    members.reserve(kept.size() + change.come.size());
    std::ranges::merge(kept, change.come, std::back_inserter(members));
  }

  std::map<Member, long> more_;  // given so many times beside the first
  std::map<Member, long> since_settled_;
};

}  // namespace tierwall::policy

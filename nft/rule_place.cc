#include "nft/rule_place.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "nft/names.h"

namespace tierwall::nft {

namespace {

using policy::Action;

std::string describe_end(const policy::ResolvedProfile& profile) {
  if (profile.implicit) return "Profile " + profile.name;
  return "Profile " + profile.name + (profile.missing ? ": does not exist" : ": no rule matched");
}

/// The longest name of a counter that the kernel takes (NFT_OBJ_MAXNAMELEN counts the end as well).
constexpr std::size_t kMaxCounterName = 255;

/// Characters of nft's own names.
bool is_plain(std::string_view name) {
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == '/';
  });
}

/// Tiers, namespaces and policies have no capital letters in their names, so these words stand for nothing else.
std::string counter_path(const CountedRules& counted) {
  std::string path(policy::print_direction(counted.direction));
  path += "/" + (counted.tier.empty() ? std::string("Profile") : counted.tier);
  if (!counted.profile.empty()) path += "/" + counted.profile;
  if (counted.policy) {
    path += "/" + std::string(policy::print_kind(counted.policy->kind));
    if (!counted.policy->ns.empty()) path += "/" + counted.policy->ns;
    path += "/" + counted.policy->name;
  }
  if (counted.rule != 0) return path + "/" + std::to_string(counted.rule);
  return path + (counted.at_end ? "/END-" : "/RULES-") + std::string(policy::print_action(counted.action));
}

}  // namespace

std::string describe(const RulePlace& place, const policy::NodePolicy& policy) {
  switch (place.of) {
    case RulePlace::Of::Policy: {
      const policy::ResolvedTier& tier = policy.tiers[place.owner];
      return "tier " + tier.name + ", " + policy::print_key(tier.policies[place.policy].key) + ", rule " +
             std::to_string(place.rule);
    }
    case RulePlace::Of::Tier:
      return "tier " + policy.tiers[place.owner].name +
             (place.passes ? ": passed on" : ": no rule matched, default Deny");
    case RulePlace::Of::Profile: {
      const policy::ResolvedProfile& profile = policy.profiles[place.owner];
      if (place.rule == 0) return describe_end(profile);
      return "Profile " + profile.name + ", rule " + std::to_string(place.rule);
    }
    case RulePlace::Of::NoProfile:
      return "no profile allows it";
  }
  TIERWALL_CHECK(false);
  return {};
}

CountedRules count_together(const std::vector<RulePlace>& places, policy::Direction direction, Action action,
                            const policy::NodePolicy& policy) {
  const RulePlace& first = places.front();
  const auto all_have = [&places, &first](auto member) {
    return std::ranges::all_of(places, [&](const RulePlace& place) { return place.*member == first.*member; });
  };
  CountedRules counted{.direction = direction, .action = action};
  const bool of_one = all_have(&RulePlace::of) && all_have(&RulePlace::owner) && all_have(&RulePlace::policy);
  if (first.of == RulePlace::Of::Policy || first.of == RulePlace::Of::Tier) {
    counted.tier = policy.tiers[first.owner].name;
    if (of_one && first.of == RulePlace::Of::Policy) {
      counted.policy = policy.tiers[first.owner].policies[first.policy].key;
    }
  } else if (of_one && first.of == RulePlace::Of::Profile) {
    counted.profile = policy.profiles[first.owner].name;
  }
  if (of_one && all_have(&RulePlace::rule)) counted.rule = first.rule;
  counted.at_end = places.size() == 1 && first.rule == 0;
  return counted;
}

std::string describe(const CountedRules& counted) {
  std::string words = counted.tier.empty() ? "" : "tier " + counted.tier;
  if (counted.tier.empty() && !counted.profile.empty()) words = "Profile " + counted.profile;
  if (words.empty()) words = counted.at_end ? "no profile" : "several profiles";
  if (counted.policy) words += ", " + policy::print_key(*counted.policy);
  if (counted.rule != 0) return words + ", rule " + std::to_string(counted.rule);
  if (counted.at_end) return words + ": no rule matched";
  return words + (counted.policy || counted.tier.empty() ? ", several rules" : ", several policies");
}

Counter make_counter(const CountedRules& counted) {
  std::string path = counter_path(counted);
  if (path.size() <= kMaxCounterName && is_plain(path)) return {std::move(path), {}};
  return {std::string(policy::print_direction(counted.direction)) + "/" + fingerprint(path),
          to_comment(describe(counted))};
}

}  // namespace tierwall::nft

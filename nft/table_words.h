#pragma once
// The names and small pieces every part of the compiler shares: how sets and maps of a family are called, and which
// field holds an address.

#include <string>
#include <utility>
#include <vector>

#include "nft/ruleset.h"
#include "policy/model.h"

namespace tierwall::nft {

inline std::string family_suffix(policy::Family family) {
  return family == policy::Family::V4 ? "4" : "6";
}

inline FieldType address_type(policy::Family family) {
  return family == policy::Family::V4 ? FieldType::Ipv4Addr : FieldType::Ipv6Addr;
}

inline Field source_field(policy::Family family) {
  return family == policy::Family::V4 ? Field::IpSaddr : Field::Ip6Saddr;
}

inline Field destination_field(policy::Family family) {
  return family == policy::Family::V4 ? Field::IpDaddr : Field::Ip6Daddr;
}

/// Addresses of this node's pods.
inline std::string pods_set(policy::Family family) {
  return "pods" + family_suffix(family);
}

/// This node's pod CIDRs.
inline std::string pod_cidrs_set(policy::Family family) {
  return "pod-cidrs" + family_suffix(family);
}

inline Match is_number(Field field, std::uint32_t number, bool negated = false) {
  return {{field}, negated, Numbers{{number, number}}};
}

inline Match in_set(Field field, std::string set, bool negated = false) {
  return {{field}, negated, InSet{std::move(set)}};
}

inline Rule accept(std::vector<Match> matches, std::string why) {
  return {std::move(matches), Verdict{Verdict::Code::Accept, {}}, std::move(why)};
}

}  // namespace tierwall::nft

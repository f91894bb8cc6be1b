#pragma once
// The rows of `tierwall top`: what every counter that is in force has counted, in policy terms. Pure.

#include <map>
#include <string>
#include <vector>

#include "daemon/control/status.h"
#include "daemon/state/state_store.h"
#include "nft/rule_place.h"

namespace tierwall::daemon {

struct HitRow {
  std::string counter = {};    ///< its name in nftables
  std::string direction = {};  ///< "ingress", "egress"
  std::string tier = {};       ///< empty: profiles
  std::string kind = {};       ///< of the policy; empty: of several, or none
  std::string ns = {};
  std::string name = {};
  std::string profile = {};
  std::uint32_t rule = 0;        ///< 0: several, or none
  std::string action = {};       ///< "Allow", "Deny", "Pass", "Log"
  std::string words = {};        ///< "tier default, NetworkPolicy shop/web, rule 1"
  std::uint64_t packets = 0;     ///< first packets of connections, and every packet that is denied
  std::uint64_t bytes = 0;       ///< of those packets
  std::int64_t last_hit_ms = 0;  ///< since 1970, when it was noticed; 0: never

  friend bool operator==(const HitRow&, const HitRow&) = default;
};

/// By name of the counter.
std::vector<HitRow> list_hits(const std::map<std::string, nft::CountedRules>& counted, const Counters& totals);

Json to_json(const HitRow& row);
Result<std::vector<HitRow>> hits_from_json(const Json& json);

}  // namespace tierwall::daemon

#pragma once
// The parts of a review, one subject each. Private to this folder.

#include <string>
#include <string_view>
#include <vector>

#include "policy/failsafe.h"
#include "policy/inventory.h"
#include "policy/ordering.h"

namespace tierwall::policy {

struct Warning {
  ResourceKey key;
  std::string field;
  std::string message;

  friend bool operator==(const Warning&, const Warning&) = default;
};

/// What the world lacks: namespaces, tiers and Services that are named but nowhere defined, selectors that denote
/// nothing, pods that share an address, cluster policies that share a priority.
std::vector<Warning> review_world(const Snapshot& snapshot);

/// What single rules and policies say: rules behind one that decides everything before them, policies that only log and
/// thereby deny, management ports open to everyone, cluster addresses no packet carries.
std::vector<Warning> review_rules(const Snapshot& snapshot, TieBreak tie_break);

/// Name resolution that policy stops, at the name servers or at those who ask.
std::vector<Warning> review_name_resolution(const Snapshot& snapshot, TieBreak tie_break);

/// Host endpoints that close their node, share an interface or are selected by accident, and policies for them that
/// cannot do what they say.
std::vector<Warning> review_hosts(const Snapshot& snapshot, TieBreak tie_break, const Failsafes& failsafes);

/// "a, b, c and 7 more": lists in sentences.
std::string list_names(const std::vector<std::string>& names);
/// "spec.ingress[2]" for the third rule as written.
std::string rule_field(Direction direction, int number);

}  // namespace tierwall::policy

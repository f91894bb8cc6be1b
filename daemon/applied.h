#pragma once
// What the kernel acknowledged last: the record that status and the lists are made from. Immutable; readers share it.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "daemon/control/status.h"
#include "nft/change_set.h"
#include "nft/compile.h"
#include "nft/rule_place.h"
#include "nft/ruleset.h"
#include "policy/node_policy.h"

namespace tierwall::daemon {

struct Applied {
  std::uint64_t generation = 0;  ///< commits that changed the table, from 1; goes on over restarts
  policy::NodePolicy policy;
  nft::CompileOptions options;  ///< that it was compiled with
  nft::Ruleset ruleset;
  std::map<std::string, nft::CountedRules> counted;  ///< what its counters count, by their names
  nft::ChangeSet changes;                            ///< that led here
  std::chrono::milliseconds time{0};                 ///< since 1970
  std::chrono::microseconds duration{0};             ///< from resolving to the kernel's acknowledgement

  friend bool operator==(const Applied&, const Applied&) = default;
};

/// The numbers of it.
AppliedStatus summarize(const Applied& applied);

}  // namespace tierwall::daemon

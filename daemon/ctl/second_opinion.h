#pragma once
// The second judge of law 6: the same connection through the tables that would be in force on the nodes of its pods,
// compiled and simulated. The reference evaluator's answer counts; where the two differ, one of them has a bug.

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "daemon/ctl/connection.h"
#include "nft/ruleset.h"
#include "policy/failsafe.h"
#include "policy/inventory.h"
#include "policy/ordering.h"
#include "policy/result.h"

namespace tierwall::daemon::ctl {

class CompiledTables {
 public:
  /// Pre: the snapshot outlives this.
  CompiledTables(const policy::Snapshot& snapshot, policy::Failsafes failsafes,
                 policy::TieBreak tie_break = policy::TieBreak::Calico332)
      : snapshot_(snapshot), failsafes_(std::move(failsafes)), tie_break_(tie_break) {}
  CompiledTables(const CompiledTables&) = delete;
  CompiledTables& operator=(const CompiledTables&) = delete;

  /// Where a table and the decision differ, in words; absent if they agree or no table sees the packet (an end without
  /// a known address). Every node the connection crosses is asked on its own, along the passage the evaluator took, so
  /// that pods and host endpoints are compared alike. Unsupported if a table cannot be compiled.
  Result<std::optional<std::string>> find_disagreement(const Connection& connection);

 private:
  /// Compiled when it is first asked for.
  const Result<nft::Ruleset>& table_of(const std::string& node);

  const policy::Snapshot& snapshot_;
  policy::Failsafes failsafes_;
  policy::TieBreak tie_break_;
  std::map<std::string, Result<nft::Ruleset>> tables_;
};

}  // namespace tierwall::daemon::ctl

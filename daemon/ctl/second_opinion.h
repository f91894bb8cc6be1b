#pragma once
// The second judge of law 6: the same connection through the tables that would be in force on the nodes of its pods,
// compiled and simulated. The reference evaluator's answer counts; where the two differ, one of them has a bug.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "daemon/control/packet_verdict.h"
#include "daemon/ctl/connection.h"
#include "nft/ruleset.h"
#include "policy/failsafe.h"
#include "policy/inventory.h"
#include "policy/ordering.h"
#include "policy/result.h"

namespace tierwall::daemon::ctl {

/// The table that is in force on a node, and whoever can be asked what it does.
struct TableInForce {
  std::string node;
  std::function<Result<PacketVerdict>(const nft::Packet&)> judge;
};

class CompiledTables {
 public:
  /// Pre: the snapshot outlives this. `in_force` is asked in the place of a table compiled here.
  CompiledTables(const policy::Snapshot& snapshot, const JudgeOptions& options,
                 std::optional<TableInForce> in_force = std::nullopt)
      : snapshot_(snapshot),
        failsafes_(options.failsafes),
        tie_break_(options.tie_break),
        of_node_(options.of_node),
        in_force_(std::move(in_force)) {}
  CompiledTables(const CompiledTables&) = delete;
  CompiledTables& operator=(const CompiledTables&) = delete;

  /// Where a table and the decision differ, in words; absent if they agree or no table sees the packet (an end without
  /// a known address). Every node the connection crosses is asked on its own, along the passage the evaluator took, so
  /// that pods and host endpoints are compared alike. Unsupported if a table cannot be compiled.
  Result<std::optional<std::string>> find_disagreement(const Connection& connection);

 private:
  Result<PacketVerdict> ask(const std::string& node, const nft::Packet& packet);
  /// Compiled when it is first asked for.
  const Result<nft::Ruleset>& table_of(const std::string& node);

  const policy::Snapshot& snapshot_;
  policy::Failsafes failsafes_;
  policy::TieBreak tie_break_;
  std::optional<nft::CompileOptions> of_node_;
  std::optional<TableInForce> in_force_;
  std::map<std::string, Result<nft::Ruleset>> tables_;
};

}  // namespace tierwall::daemon::ctl

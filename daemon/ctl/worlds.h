#pragma once
// The worlds one command answers about: the manifests as they are enforced, and, where policies are staged, the same
// with those carried out. Each is resolved once, whatever the number of flows.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/ctl/connection.h"
#include "daemon/ctl/second_opinion.h"

namespace tierwall::daemon::ctl {

/// One flow in every world.
struct Answer {
  Connection today;
  std::optional<Connection> staged;                ///< present if the manifests hold staged policies
  std::optional<std::string> disagreement;         ///< of evaluator and compiled tables, once verified
  std::optional<std::string> staged_disagreement;  ///< the same in the staged world

  /// The verdict there would be with the staged policies, or without any: today's.
  [[nodiscard]] policy::Verdict staged_verdict() const { return (staged ? *staged : today).decision.verdict; }
};

class Worlds {
 public:
  /// Pre: the snapshot outlives this. `in_force`: of today.
  Worlds(const policy::Snapshot& snapshot, const JudgeOptions& options,
         std::optional<TableInForce> in_force = std::nullopt);

  /// Errors as ConnectionJudge::judge.
  [[nodiscard]] Result<Answer> ask(const FlowText& flow) const;
  /// Asks the compiled tables of every world and notes where they differ from the evaluator. Unsupported if a table
  /// cannot be compiled.
  Result<void> verify(Answer& answer);

  [[nodiscard]] const ConnectionJudge& today() const { return today_.judge; }
  /// Null without staged policies.
  [[nodiscard]] const ConnectionJudge* staged() const { return staged_ ? &staged_->world.judge : nullptr; }

 private:
  struct World {
    World(const policy::Snapshot& snapshot, const JudgeOptions& options, std::optional<TableInForce> in_force)
        : judge(snapshot, options), tables(snapshot, options, std::move(in_force)) {}

    ConnectionJudge judge;
    CompiledTables tables;
  };
  /// Owns the snapshot its world borrows.
  struct StagedWorld {
    StagedWorld(policy::Snapshot carried_out, const JudgeOptions& options)
        : snapshot(std::move(carried_out)), world(snapshot, options, std::nullopt) {}

    policy::Snapshot snapshot;
    World world;
  };

  World today_;
  std::unique_ptr<StagedWorld> staged_;
};

}  // namespace tierwall::daemon::ctl

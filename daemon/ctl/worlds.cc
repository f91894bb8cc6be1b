#include "daemon/ctl/worlds.h"

#include <utility>

#include "policy/staged.h"

namespace tierwall::daemon::ctl {

Worlds::Worlds(const policy::Snapshot& snapshot, const JudgeOptions& options, std::optional<TableInForce> in_force)
    : today_(snapshot, options, std::move(in_force)) {
  if (!policy::has_staged(snapshot)) return;
  staged_ = std::make_unique<StagedWorld>(policy::carry_out_staged(snapshot), options);
}

Result<Answer> Worlds::ask(const FlowText& flow) const {
  Result<Connection> today = today_.judge.judge(flow);
  if (!today) return today.error();
  Answer answer{*std::move(today), std::nullopt, std::nullopt, std::nullopt};
  if (!staged_) return answer;
  Result<Connection> staged = staged_->world.judge.judge(flow);
  if (!staged) return staged.error().in("with staged policies enforced");
  answer.staged = *std::move(staged);
  return answer;
}

Result<void> Worlds::verify(Answer& answer) {
  Result<std::optional<std::string>> today = today_.tables.find_disagreement(answer.today);
  if (!today) return today.error();
  answer.disagreement = *std::move(today);
  if (!answer.staged) return {};
  Result<std::optional<std::string>> staged = staged_->world.tables.find_disagreement(*answer.staged);
  if (!staged) return staged.error().in("with staged policies enforced");
  answer.staged_disagreement = *std::move(staged);
  return {};
}

}  // namespace tierwall::daemon::ctl

#pragma once
// The two judges that need no kernel, before the same world.

#include <optional>

#include "nft/ruleset.h"
#include "nft/simulate.h"
#include "policy/evaluate.h"
#include "policy/node_policy.h"
#include "tests/differential/generated_world.h"

namespace tierwall::test {

struct Answers {
  policy::Verdict evaluator = policy::Verdict::Deny;
  policy::Verdict table = policy::Verdict::Deny;

  [[nodiscard]] bool agree() const { return evaluator == table; }
};

/// A world as the judged node sees it: resolved and compiled.
class Judges {
 public:
  explicit Judges(const GeneratedWorld& world);

  /// Absent: nobody judges the flow, because it does not leave its pod.
  [[nodiscard]] std::optional<Answers> ask(const policy::Flow& flow) const;
  [[nodiscard]] nft::Walk walk(const policy::Flow& flow) const;

  [[nodiscard]] const policy::NodePolicy& policy() const { return policy_; }
  [[nodiscard]] const nft::Ruleset& table() const { return table_; }

 private:
  policy::NodePolicy policy_;
  nft::Ruleset table_;
};

/// The smallest world in which evaluator and table still disagree about the flow, as text, with both answers and the
/// way through the table.
std::string report_disagreement(const GeneratedWorld& world, const policy::Flow& flow);

}  // namespace tierwall::test

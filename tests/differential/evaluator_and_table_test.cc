// Two judges, one verdict: the reference evaluator and the compiled table in the simulator, over generated worlds.
// A disagreement is shrunk to the smallest world that shows it and printed with its seed; TIERWALL_SEED replays that
// world alone, TIERWALL_WORLDS sets how many are tried.

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "policy/resolve.h"
#include "tests/differential/generated_world.h"
#include "tests/differential/judges.h"
#include "tests/vocabulary/effort.h"
#include "tests/vocabulary/proof.h"

namespace tierwall::test {
namespace {

constexpr std::size_t kFlowsPerWorld = 80;

std::uint32_t from_environment(const char* name, std::uint32_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? static_cast<std::uint32_t>(std::stoul(text)) : otherwise;
}

/// How often each verdict was given: a generator whose worlds all allow would prove nothing.
struct Tally {
  std::size_t allowed = 0;
  std::size_t denied = 0;
};

/// Compares all flows of one world; stops at the first disagreement and reports it.
bool agree(std::uint32_t seed, Tally& tally) {
  const GeneratedWorld world = generate_world(seed);
  const Judges judges(world);
  for (const policy::Flow& flow : generate_flows(world.snapshot, seed, kFlowsPerWorld)) {
    const auto answers = judges.ask(flow);
    if (!answers) continue;
    ++(answers->evaluator == policy::Verdict::Allow ? tally.allowed : tally.denied);
    if (answers->agree()) continue;
    ADD_FAILURE() << "TIERWALL_SEED=" << seed << ": " << report_disagreement(world, flow);
    return false;
  }
  return true;
}

TEST(EvaluatorAndTable, AgreeOnGeneratedWorlds) {
  const std::uint32_t only = from_environment("TIERWALL_SEED", 0);
  Tally tally;
  if (only != 0) {
    EXPECT_TRUE(agree(only, tally));
    return;
  }
  const Proof proof("1-evaluator-and-table");
  const std::uint32_t worlds = from_environment("TIERWALL_WORLDS", tried_of(10'000));
  for (std::uint32_t seed = 1; seed <= worlds; ++seed) ASSERT_TRUE(agree(seed, tally));
  EXPECT_GT(tally.allowed, tally.denied / 10);
  EXPECT_GT(tally.denied, tally.allowed / 10);
  proof.publish("evaluator == simulated table: " + std::to_string(worlds) + " worlds, " +
                std::to_string(tally.allowed + tally.denied) + " flows (" + std::to_string(tally.allowed) +
                " allowed, " + std::to_string(tally.denied) + " denied), 0 disagreements");
}

TEST(EvaluatorAndTable, StagedPoliciesHaveNoEffect) {
  std::size_t worlds_with_staged = 0;
  for (std::uint32_t seed = 1; seed <= 1000; ++seed) {
    const GeneratedWorld world = generate_world(seed);
    policy::Snapshot without = world.snapshot;
    std::erase_if(without.policies, [](const auto& entry) { return entry.second.staged.has_value(); });
    if (without == world.snapshot) continue;
    ++worlds_with_staged;
    const auto resolve_tiers = [&](const policy::Snapshot& snapshot) {
      return policy::resolve(snapshot, {kJudgedNode}, world.tie_break);
    };
    ASSERT_TRUE(resolve_tiers(world.snapshot) == resolve_tiers(without)) << "TIERWALL_SEED=" << seed;
  }
  EXPECT_GT(worlds_with_staged, 100U);
}

}  // namespace
}  // namespace tierwall::test

// Two judges, one verdict: the reference evaluator and the compiled table in the simulator, over generated worlds.
// A disagreement prints the seed; TIERWALL_SEED replays that world alone, TIERWALL_WORLDS sets how many are tried.

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "nft/compile.h"
#include "nft/print.h"
#include "nft/simulate.h"
#include "policy/resolve.h"
#include "tests/differential/generated_world.h"

namespace tierwall {
namespace {

constexpr std::size_t kFlowsPerWorld = 60;

std::uint32_t from_environment(const char* name, std::uint32_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? static_cast<std::uint32_t>(std::stoul(text)) : otherwise;
}

std::string print_flow(const policy::Flow& flow) {
  std::string text = print_address(*flow.source) + " -> " + print_address(*flow.destination) + " " +
                     print_protocol(flow.protocol) + " " + std::to_string(flow.source_port) + " -> " +
                     std::to_string(flow.destination_port);
  if (flow.icmp.type) text += " type " + std::to_string(*flow.icmp.type) + "/" + std::to_string(*flow.icmp.code);
  return text;
}

/// How often each verdict was given: a generator whose worlds all allow would prove nothing.
struct Tally {
  std::size_t allowed = 0;
  std::size_t denied = 0;
};

/// Compares all flows of one world; stops at the first disagreement and prints it.
bool agree(std::uint32_t seed, Tally& tally) {
  const policy::Snapshot world = test::generate_world(seed);
  const policy::NodePolicy policy = policy::resolve(world, {"node-1"});
  const nft::Ruleset table = *nft::compile(policy, {});
  for (const policy::Flow& flow : test::generate_flows(world, seed, kFlowsPerWorld)) {
    const auto* source = policy.find_endpoint(*flow.source);
    const auto* destination = policy.find_endpoint(*flow.destination);
    if (source != nullptr && source == destination) continue;
    const auto decision = policy::evaluate_connection(policy, source, destination, flow);
    const nft::Walk walk = nft::simulate(table, nft::to_packet(flow));
    const auto simulated = walk.end == nft::Walk::End::Accepted ? policy::Verdict::Allow : policy::Verdict::Deny;
    ++(decision.verdict == policy::Verdict::Allow ? tally.allowed : tally.denied);
    if (decision.verdict == simulated) continue;
    ADD_FAILURE() << "TIERWALL_SEED=" << seed << ": " << print_flow(flow) << ": the evaluator says "
                  << print_verdict(decision.verdict) << ", the table says " << print_verdict(simulated) << "\n"
                  << print(table);
    for (const nft::Walk::Step& step : walk.steps) std::printf("  %s: %s\n", step.chain.c_str(), step.rule.c_str());
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
  const std::uint32_t worlds = from_environment("TIERWALL_WORLDS", 10'000);
  for (std::uint32_t seed = 1; seed <= worlds; ++seed) ASSERT_TRUE(agree(seed, tally));
  EXPECT_GT(tally.allowed, tally.denied / 10);
  EXPECT_GT(tally.denied, tally.allowed / 10);
  std::printf("differential: %u worlds, %zu flows allowed, %zu denied, evaluator == simulated table\n", worlds,
              tally.allowed, tally.denied);
}

}  // namespace
}  // namespace tierwall

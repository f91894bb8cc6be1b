// The third judge: tables compiled from policy, committed over netlink into a real kernel, and probed with real
// packets. Twenty cases of the NetworkPolicy oracle with every cell, and generated worlds that the evaluator has
// judged.

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "nft/compile.h"
#include "nft/diff.h"
#include "nft/netlink_tables.h"
#include "nft/print.h"
#include "policy/resolve.h"
#include "tests/differential/generated_world.h"
#include "tests/lab/probe.h"
#include "tests/lab/topology.h"
#include "tests/vocabulary/world.h"

namespace tierwall {
namespace {

using lab::Lab;
using lab::Outcome;
using lab::Probe;
using nlohmann::json;
using test::World;

constexpr std::size_t kOracleCases = 20;
constexpr std::uint32_t kGeneratedWorlds = 25;

std::string read_text(const std::string& name) {
  std::ifstream file(std::string(TIERWALL_SOURCE_DIR) + "/tests/oracle/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

lab::LabPlan plan_for(const policy::NodePolicy& policy) {
  lab::LabPlan plan;
  for (const policy::ResolvedEndpoint& endpoint : policy.endpoints) {
    plan.pods.push_back({print_name(endpoint.pod), endpoint.addresses});
  }
  return plan;
}

/// Puts the policy's table into the node's kernel.
void enforce(const Lab& lab, const policy::NodePolicy& policy) {
  const auto outcome = lab.node().network.run([&] {
    const auto tables = nft::NetlinkTables::open();
    TIERWALL_CHECK(tables);
    return (*tables)->commit(nft::rebuild(*nft::compile(policy, {})));
  });
  if (const auto* rejected = std::get_if<nft::Rejected>(&outcome)) FAIL() << rejected->message;
}

void expect_outcomes(const std::vector<Probe>& probes, const std::vector<Outcome>& expected) {
  const std::vector<Outcome> outcomes = lab::run_expecting(probes, expected);
  for (std::size_t i = 0; i < probes.size(); ++i) {
    EXPECT_EQ(outcomes[i], expected[i]) << describe(probes[i]) << ": " << print_outcome(outcomes[i])
                                        << " in the kernel";
  }
}

struct Service {
  policy::Protocol protocol;
  std::uint16_t port;
};

const std::vector<Service> kServices = {{policy::kSctp, 80}, {policy::kSctp, 81}, {policy::kTcp, 80},
                                        {policy::kTcp, 81},  {policy::kUdp, 80},  {policy::kUdp, 81}};

/// The matrix of one oracle step as probes with their outcomes.
void probe_matrix(const Lab& lab, const std::vector<std::string>& pods, const std::vector<std::string>& rows) {
  std::vector<Probe> probes;
  std::vector<Outcome> expected;
  for (std::size_t from = 0; from < pods.size(); ++from) {
    for (std::size_t to = 0; to < pods.size(); ++to) {
      if (from == to) continue;
      for (std::size_t service = 0; service < kServices.size(); ++service) {
        const char cell = rows[from][to * (kServices.size() + 1) + service];
        probes.push_back(
            {&lab.host(pods[from]), &lab.host(pods[to]), kServices[service].protocol, kServices[service].port});
        expected.push_back(cell == '.' ? Outcome::Allowed : Outcome::Dropped);
      }
    }
  }
  expect_outcomes(probes, expected);
}

TEST(JudgedByKernel, OracleCases) {
  const json oracle = json::parse(read_text("networkpolicy-matrix.json"));
  const std::vector<std::string> pods = oracle["pods"];
  const World base = World::of(read_text("world.yaml"));
  const Lab lab(plan_for(policy::resolve(base.snapshot(), {})));
  const std::size_t stride = oracle["cases"].size() / kOracleCases;
  for (std::size_t i = 0; i < kOracleCases; ++i) {
    const json& one_case = oracle["cases"][i * stride];
    SCOPED_TRACE("case " + one_case["id"].dump() + ": " + one_case["title"].dump());
    for (const json& step : one_case["steps"]) {
      World world = base;
      for (const std::string text : step["policies"]) world = world.with(text);
      enforce(lab, policy::resolve(world.snapshot(), {}));
      probe_matrix(lab, pods, step["combined"]);
    }
  }
}

TEST(JudgedByKernel, GeneratedWorlds) {
  for (std::uint32_t seed = 1; seed <= kGeneratedWorlds; ++seed) {
    const policy::NodePolicy policy = policy::resolve(test::generate_world(seed), {});
    const Lab lab(plan_for(policy));
    enforce(lab, policy);
    std::vector<Probe> probes;
    std::vector<Outcome> expected;
    for (const policy::ResolvedEndpoint& from : policy.endpoints) {
      for (const policy::ResolvedEndpoint& to : policy.endpoints) {
        for (const policy::Family family : policy::kFamilies) {
          const lab::Host& source = lab.host(print_name(from.pod));
          const lab::Host& destination = lab.host(print_name(to.pod));
          if (&from == &to || !source.has(family) || !destination.has(family)) continue;
          for (const Service& service : kServices) {
            // Source ports are the lab's choice; generated rules that name one of its own kind know only low ports.
            policy::Flow flow{
                source.address(family), destination.address(family), family, service.protocol, 50000, service.port, {}};
            probes.push_back({&source, &destination, service.protocol, service.port, family});
            const bool allowed = evaluate_connection(policy, &from, &to, flow).verdict == policy::Verdict::Allow;
            expected.push_back(allowed ? Outcome::Allowed : Outcome::Dropped);
          }
        }
      }
    }
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_outcomes(probes, expected);
  }
}

}  // namespace
}  // namespace tierwall

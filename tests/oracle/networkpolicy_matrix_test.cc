// 112 cases of Kubernetes NetworkPolicy with the verdict an independent implementation of the API's semantics gives for
// every pair of nine pods and six services. Each cell is put to the reference evaluator and to the compiled table in
// the simulator. Cases and world stand beside this file; README.md tells their format.

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "nft/compile.h"
#include "nft/simulate.h"
#include "policy/evaluate.h"
#include "policy/resolve.h"
#include "tests/vocabulary/world.h"

namespace tierwall {
namespace {

using nlohmann::json;
using test::World;

std::string read_text(const std::string& name) {
  std::ifstream file(std::string(TIERWALL_SOURCE_DIR) + "/tests/oracle/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Service {
  policy::Protocol protocol;
  std::uint16_t port;
};

constexpr std::array<Service, 6> kServices = {{{policy::kSctp, 80},
                                               {policy::kSctp, 81},
                                               {policy::kTcp, 80},
                                               {policy::kTcp, 81},
                                               {policy::kUdp, 80},
                                               {policy::kUdp, 81}}};

char cell(bool allowed) {
  return allowed ? '.' : 'X';
}

/// Three matrices in the oracle's notation, and the simulator's beside them.
struct Matrices {
  std::vector<std::string> ingress, egress, combined, simulated;
};

class Judge {
 public:
  explicit Judge(const World& world)
      : policy_(policy::resolve(world.snapshot(), {})),
        ruleset_(*nft::compile(policy_, {.denied_log = nft::DeniedLog{.group = 7610}})) {}

  [[nodiscard]] Matrices matrices(const std::vector<std::string>& pods) const {
    Matrices all;
    for (const std::string& source : pods) {
      std::array<std::string, 4> rows;
      for (const std::string& destination : pods) {
        for (std::string& row : rows) row += row.empty() ? "" : " ";
        append_cells(rows, endpoint(source), endpoint(destination));
      }
      all.ingress.push_back(rows[0]);
      all.egress.push_back(rows[1]);
      all.combined.push_back(rows[2]);
      all.simulated.push_back(rows[3]);
    }
    return all;
  }

 private:
  [[nodiscard]] const policy::ResolvedEndpoint& endpoint(const std::string& name) const {
    const auto* found = policy_.find_endpoint({policy::Kind::Pod, name.substr(0, 1), name.substr(2)});
    TIERWALL_CHECK(found != nullptr);
    return *found;
  }

  void append_cells(std::array<std::string, 4>& rows, const policy::ResolvedEndpoint& source,
                    const policy::ResolvedEndpoint& destination) const {
    for (const Service& service : kServices) {
      if (&source == &destination) {
        for (std::string& row : rows) row += '#';
        continue;
      }
      policy::Flow flow;
      flow.source = source.addresses.at(0);
      flow.destination = destination.addresses.at(0);
      flow.protocol = service.protocol;
      flow.source_port = 40000;
      flow.destination_port = service.port;
      const auto decision = policy::evaluate_connection(policy_, &source, &destination, flow);
      rows[0] += cell(decision.ingress->verdict == policy::Verdict::Allow);
      rows[1] += cell(decision.egress->verdict == policy::Verdict::Allow);
      rows[2] += cell(decision.verdict == policy::Verdict::Allow);
      rows[3] += cell(simulated(flow));
    }
  }

  [[nodiscard]] bool simulated(const policy::Flow& flow) const {
    return nft::simulate(ruleset_, nft::to_packet(flow)).end == nft::Walk::End::Accepted;
  }

  policy::NodePolicy policy_;
  nft::Ruleset ruleset_;
};

TEST(NetworkPolicyMatrix, EveryCellThroughEvaluatorAndSimulator) {
  const json oracle = json::parse(read_text("networkpolicy-matrix.json"));
  const World base = World::of(read_text("world.yaml"));
  ASSERT_EQ(base.problems(), std::vector<std::string>{});
  const std::vector<std::string> pods = oracle["pods"];
  int cells = 0;
  for (const json& one_case : oracle["cases"]) {
    for (std::size_t step = 0; step < one_case["steps"].size(); ++step) {
      const json& expected = one_case["steps"][step];
      SCOPED_TRACE("case " + one_case["id"].dump() + " step " + std::to_string(step) + ": " + one_case["title"].dump());
      World world = base;
      for (const std::string text : expected["policies"]) world = world.with(text);
      EXPECT_FALSE(policy::has_errors(world.inventory().problems()));
      const Matrices judged = Judge(world).matrices(pods);
      EXPECT_EQ(judged.ingress, expected["ingress"].get<std::vector<std::string>>());
      EXPECT_EQ(judged.egress, expected["egress"].get<std::vector<std::string>>());
      EXPECT_EQ(judged.combined, expected["combined"].get<std::vector<std::string>>());
      EXPECT_EQ(judged.simulated, expected["combined"].get<std::vector<std::string>>());
      cells += static_cast<int>(pods.size() * pods.size() * kServices.size());
    }
  }
  EXPECT_EQ(oracle["cases"].size(), 112U);
  std::printf("oracle: %zu cases, %d cells, each judged by evaluator and simulator\n", oracle["cases"].size(), cells);
}

}  // namespace
}  // namespace tierwall

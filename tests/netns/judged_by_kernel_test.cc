// The third judge: tables compiled from policy, committed over netlink into a real kernel, and asked with packets. All
// cases of the NetworkPolicy oracle with every cell, and generated worlds that the evaluator has judged. One lab is
// built once, each world is one transaction, and packets are crafted, so that a denied one costs no waiting.
//
// A disagreement is shrunk to the smallest world that shows it, in the kernel. TIERWALL_SEED replays one world,
// TIERWALL_KERNEL_WORLDS sets how many are tried.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "nft/compile.h"
#include "nft/diff.h"
#include "nft/netlink_tables.h"
#include "nft/print.h"
#include "policy/resolve.h"
#include "tests/differential/describe_world.h"
#include "tests/differential/generated_world.h"
#include "tests/differential/judges.h"
#include "tests/differential/shrink.h"
#include "tests/lab/conntrack.h"
#include "tests/lab/packet_exchange.h"
#include "tests/lab/probe.h"
#include "tests/lab/topology.h"
#include "tests/vocabulary/proof.h"
#include "tests/vocabulary/world.h"

namespace tierwall {
namespace {

using lab::Lab;
using nlohmann::json;
using policy::Family;
using policy::Flow;
using policy::Verdict;
using test::GeneratedWorld;
using test::World;

constexpr std::uint32_t kGeneratedWorlds = 400;
constexpr std::size_t kFlowsPerWorld = 150;
constexpr test::WorldOptions kLabWorlds{.fixed_pods = true};

std::uint32_t from_environment(const char* name, std::uint32_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? static_cast<std::uint32_t>(std::stoul(text)) : otherwise;
}

/// A lab whose node enforces one table after the other.
class KernelJudge {
 public:
  explicit KernelJudge(const lab::LabPlan& plan)
      : lab_(plan), exchange_(hosts_of(lab_, plan)), tables_(lab_.node().network.run([] {
          auto opened = nft::NetlinkTables::open();
          TIERWALL_CHECK(opened);
          return std::move(*opened);
        })) {}

  /// Makes the table the one in force: the first time as a whole, then by what differs, the daemon's way.
  void enforce(const nft::Ruleset& table) {
    const nft::ChangeSet changes = enforced_ ? nft::diff(*enforced_, table) : nft::rebuild(table);
    const nft::SplitChangeSet parts = nft::split_removals(changes);
    commit(parts.main);
    commit(parts.removals);
    enforced_ = table;
  }

  /// What the kernel does with the flows, as if nothing had been sent before.
  std::vector<Verdict> ask(std::span<const Flow> flows) {
    lab::forget_connections(lab_.node());
    std::vector<Verdict> verdicts;
    for (const bool arrived : exchange_.send(flows)) verdicts.push_back(arrived ? Verdict::Allow : Verdict::Deny);
    return verdicts;
  }
  Verdict ask(const Flow& flow) { return ask(std::span(&flow, 1)).front(); }

  [[nodiscard]] const Lab& lab() const { return lab_; }
  [[nodiscard]] bool connects(const Flow& flow) const { return exchange_.connects(*flow.source, *flow.destination); }

 private:
  static std::vector<const lab::Host*> hosts_of(const Lab& lab, const lab::LabPlan& plan) {
    std::vector<const lab::Host*> hosts = {&lab.outside()};
    for (const lab::Machine& pod : plan.pods) hosts.push_back(&lab.host(pod.name));
    return hosts;
  }

  void commit(const nft::ChangeSet& changes) {
    const nft::CommitOutcome outcome = tables_->commit(changes);
    if (const auto* rejected = std::get_if<nft::Rejected>(&outcome)) throw std::runtime_error(rejected->message);
  }

  Lab lab_;
  lab::PacketExchange exchange_;
  std::unique_ptr<nft::NetlinkTables> tables_;
  std::optional<nft::Ruleset> enforced_;
};

// ---- the oracle ------------------------------------------------------------------------------------------------

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

const std::vector<Service> kServices = {{policy::kSctp, 80}, {policy::kSctp, 81}, {policy::kTcp, 80},
                                        {policy::kTcp, 81},  {policy::kUdp, 80},  {policy::kUdp, 81}};

/// The oracle's pods have IPv4 addresses only; in the lab every host has both.
lab::LabPlan oracle_plan(const policy::NodePolicy& policy) {
  lab::LabPlan plan;
  for (const policy::ResolvedEndpoint& endpoint : policy.endpoints) {
    const std::string number = std::to_string(plan.pods.size() + 1);
    plan.pods.push_back(
        lab::make_machine(print_name(endpoint.pod), {print_address(endpoint.addresses.at(0)), "fd00:9::" + number}));
  }
  return plan;
}

/// One cell of a matrix: who asks whom for what, and what the oracle says.
struct Cell {
  std::size_t from, to, service;
  Verdict expected;
};

std::vector<Cell> read_cells(std::size_t pods, const std::vector<std::string>& rows) {
  std::vector<Cell> cells;
  for (std::size_t from = 0; from < pods; ++from) {
    for (std::size_t to = 0; to < pods; ++to) {
      for (std::size_t service = 0; service < kServices.size(); ++service) {
        const char cell = rows[from][to * (kServices.size() + 1) + service];
        if (cell != '#') cells.push_back({from, to, service, cell == '.' ? Verdict::Allow : Verdict::Deny});
      }
    }
  }
  return cells;
}

class OracleInKernel : public ::testing::Test {
 protected:
  OracleInKernel() : judge_(oracle_plan(policy::resolve(base_.snapshot(), {}))) {}

  /// Puts the policies of a step into force.
  void enforce(const json& step) {
    World world = base_;
    for (const std::string text : step["policies"]) world = world.with(text);
    judge_.enforce(*nft::compile(policy::resolve(world.snapshot(), {}), {.denied_log = nft::DeniedLog{.group = 7610}}));
  }

  [[nodiscard]] std::string name(const Cell& cell) const {
    return pods_[cell.from] + " -> " + pods_[cell.to] + " " + print_protocol(kServices[cell.service].protocol) + " " +
           std::to_string(kServices[cell.service].port);
  }

  const json oracle_ = json::parse(read_text("networkpolicy-matrix.json"));
  const std::vector<std::string> pods_ = oracle_["pods"];
  const World base_ = World::of(read_text("world.yaml"));
  KernelJudge judge_;
};

TEST_F(OracleInKernel, EveryCellOfEveryCase) {
  const test::Proof proof("2-oracle-in-kernel");
  std::size_t cells_judged = 0, wrong = 0;
  for (const json& one_case : oracle_["cases"]) {
    SCOPED_TRACE("case " + one_case["id"].dump() + ": " + one_case["title"].dump());
    for (const json& step : one_case["steps"]) {
      enforce(step);
      const std::vector<Cell> cells = read_cells(pods_.size(), step["combined"]);
      std::vector<Flow> flows;
      for (const Cell& cell : cells) {
        flows.push_back({judge_.lab().host(pods_[cell.from]).address(Family::V4),
                         judge_.lab().host(pods_[cell.to]).address(Family::V4),
                         Family::V4,
                         kServices[cell.service].protocol,
                         40000,
                         kServices[cell.service].port,
                         {}});
      }
      const std::vector<Verdict> verdicts = judge_.ask(flows);
      for (std::size_t i = 0; i < cells.size(); ++i) {
        EXPECT_EQ(verdicts[i], cells[i].expected)
            << name(cells[i]) << ": " << print_verdict(verdicts[i]) << " in the kernel";
        wrong += verdicts[i] != cells[i].expected ? 1 : 0;
      }
      cells_judged += cells.size();
    }
  }
  if (wrong != 0) return;
  proof.publish("oracle == kernel: " + std::to_string(oracle_["cases"].size()) + " cases, " +
                std::to_string(cells_judged) + " cells, 0 disagreements");
}

/// That crafted packets and their fences tell the truth: the same answers with sockets that connect and wait.
TEST_F(OracleInKernel, SocketsThatConnectGetTheSameAnswers) {
  for (const std::size_t number : {0U, 40U, 80U}) {
    const json& step = oracle_["cases"][number]["steps"][0];
    enforce(step);
    std::vector<lab::Probe> probes;
    std::vector<lab::Outcome> expected;
    for (const Cell& cell : read_cells(pods_.size(), step["combined"])) {
      probes.push_back({&judge_.lab().host(pods_[cell.from]), &judge_.lab().host(pods_[cell.to]),
                        kServices[cell.service].protocol, kServices[cell.service].port});
      expected.push_back(cell.expected == Verdict::Allow ? lab::Outcome::Allowed : lab::Outcome::Dropped);
    }
    const std::vector<lab::Outcome> outcomes = lab::run_expecting(probes, expected);
    for (std::size_t i = 0; i < probes.size(); ++i) {
      EXPECT_EQ(outcomes[i], expected[i]) << describe(probes[i]) << ": " << print_outcome(outcomes[i]);
    }
  }
}

// ---- generated worlds ------------------------------------------------------------------------------------------

/// The connections that packets of one round have opened: whatever belongs to one of them is no first packet.
class Connections {
 public:
  /// False if the flow, or the answer to it, was there before.
  bool add(const Flow& flow) {
    const Key there{*flow.source, *flow.destination, flow.protocol, flow.source_port, flow.destination_port};
    const Key back{*flow.destination, *flow.source, flow.protocol, flow.destination_port, flow.source_port};
    return known_.count(back) == 0 && known_.insert(there).second;
  }

 private:
  using Key = std::tuple<policy::Address, policy::Address, policy::Protocol, std::uint16_t, std::uint16_t>;
  std::set<Key> known_;
};

bool is_icmp_of_its_family(const Flow& flow) {
  return flow.protocol == (flow.family == Family::V4 ? policy::kIcmp : policy::kIcmpv6);
}

/// Flows that can be asked in one round. ICMP messages carry an id of their own, so none is another one's answer.
std::vector<Flow> flows_for(const KernelJudge& judge, const GeneratedWorld& world, std::uint32_t seed) {
  std::vector<Flow> flows;
  Connections connections;
  for (const Flow& flow : test::generate_flows(world.snapshot, seed, kFlowsPerWorld, kLabWorlds)) {
    if (!judge.connects(flow)) continue;
    if (is_icmp_of_its_family(flow) || connections.add(flow)) flows.push_back(flow);
  }
  return flows;
}

/// The smallest world about which evaluator and kernel still disagree.
std::string report_disagreement(KernelJudge& judge, const GeneratedWorld& world, const Flow& flow) {
  const auto disagree = [&](const policy::Snapshot& smaller) {
    const test::Judges judges({smaller, world.tie_break, world.flattening});
    const auto answers = judges.ask(flow);
    if (!answers) return false;
    judge.enforce(judges.table());
    return judge.ask(flow) != answers->evaluator;
  };
  const GeneratedWorld smallest{test::shrink(world.snapshot, disagree), world.tie_break, world.flattening};
  const test::Judges judges(smallest);
  const auto answers = judges.ask(flow);
  TIERWALL_CHECK(answers);
  return test::print_flow(flow) + ": the evaluator says " + std::string(print_verdict(answers->evaluator)) +
         ", the simulated table " + std::string(print_verdict(answers->table)) +
         ", the kernel the opposite of the evaluator\n" + test::describe_world(smallest.snapshot) +
         print(judges.table());
}

/// What was asked, by what it was about: a generator that asks nothing about SCTP proves nothing about it.
struct Tally {
  std::size_t flows = 0, allowed = 0, denied = 0;
  std::map<std::pair<Family, policy::Protocol>, std::pair<std::size_t, std::size_t>> by_protocol;

  void count(const Flow& flow, Verdict verdict) {
    auto& [allowed_here, denied_here] = by_protocol[{flow.family, flow.protocol}];
    ++flows;
    ++(verdict == Verdict::Allow ? allowed : denied);
    ++(verdict == Verdict::Allow ? allowed_here : denied_here);
  }
};

bool agree(KernelJudge& judge, std::uint32_t seed, Tally& tally) {
  const GeneratedWorld world = test::generate_world(seed, kLabWorlds);
  const test::Judges judges(world);
  judge.enforce(judges.table());
  const std::vector<Flow> flows = flows_for(judge, world, seed);
  const std::vector<Verdict> verdicts = judge.ask(flows);
  for (std::size_t i = 0; i < flows.size(); ++i) {
    const auto answers = judges.ask(flows[i]);
    if (!answers) continue;
    tally.count(flows[i], answers->evaluator);
    if (verdicts[i] == answers->evaluator || judge.ask(flows[i]) == answers->evaluator) continue;
    ADD_FAILURE() << "TIERWALL_SEED=" << seed << ": " << report_disagreement(judge, world, flows[i]);
    return false;
  }
  return true;
}

lab::LabPlan generated_plan() {
  lab::LabPlan plan;
  for (int pod = 0; pod < test::kFixedPods; ++pod) {
    plan.pods.push_back({"pod-" + std::to_string(pod), test::fixed_pod_addresses(pod)});
  }
  return plan;
}

TEST(JudgedByKernel, PacketsArriveUnlessARuleDropsThem) {
  KernelJudge judge(generated_plan());
  const auto of_pod = [](int pod, Family family) {
    return test::fixed_pod_addresses(pod)[family == Family::V4 ? 0 : 1];
  };
  std::vector<Flow> flows;
  for (const Family family : policy::kFamilies) {
    for (const policy::Protocol protocol :
         {policy::kTcp, policy::kUdp, policy::kSctp, policy::kUdpLite, policy::Protocol{47},
          family == Family::V4 ? policy::kIcmp : policy::kIcmpv6}) {
      const std::uint8_t echo = family == Family::V4 ? 8 : 128;
      flows.push_back({of_pod(0, family), of_pod(1, family), family, protocol, 1000, 80, {echo, std::uint8_t{0}}});
    }
  }
  EXPECT_EQ(judge.ask(flows), std::vector<Verdict>(flows.size(), Verdict::Allow)) << "without a table";
  policy::Snapshot world;
  world.put(policy::Pod{.ns = "a", .name = "p1", .node = test::kJudgedNode, .addresses = test::fixed_pod_addresses(1)});
  world.put(policy::Policy{.kind = policy::Kind::GlobalNetworkPolicy, .name = "deny", .applies_to_egress = false});
  judge.enforce(test::Judges({world}).table());
  EXPECT_EQ(judge.ask(flows), std::vector<Verdict>(flows.size(), Verdict::Deny)) << "the destination denies everything";
  for (Flow& flow : flows) std::swap(flow.source, flow.destination);
  EXPECT_EQ(judge.ask(flows), std::vector<Verdict>(flows.size(), Verdict::Allow)) << "the other direction";
}

TEST(JudgedByKernel, GeneratedWorlds) {
  KernelJudge judge(generated_plan());
  Tally tally;
  if (const std::uint32_t only = from_environment("TIERWALL_SEED", 0); only != 0) {
    EXPECT_TRUE(agree(judge, only, tally));
    return;
  }
  const test::Proof proof("3-evaluator-and-kernel");
  const std::uint32_t worlds = from_environment("TIERWALL_KERNEL_WORLDS", kGeneratedWorlds);
  for (std::uint32_t seed = 1; seed <= worlds; ++seed) ASSERT_TRUE(agree(judge, seed, tally));
  for (const auto& [kind, counts] : tally.by_protocol) {
    EXPECT_GT(counts.first, 0U) << "nothing was allowed: " << print_protocol(kind.second);
    EXPECT_GT(counts.second, 0U) << "nothing was denied: " << print_protocol(kind.second);
  }
  EXPECT_GE(tally.by_protocol.size(), 10U) << "tcp, udp, sctp, icmp and others, in both families";
  proof.publish("evaluator == kernel: " + std::to_string(worlds) + " worlds, " + std::to_string(tally.flows) +
                " flows (" + std::to_string(tally.allowed) + " allowed, " + std::to_string(tally.denied) +
                " denied), 0 disagreements");
}

}  // namespace
}  // namespace tierwall

int main(int argc, char** argv) {
  if (::geteuid() != 0) {
    std::puts("skipped: network namespaces need root");
    return 77;
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

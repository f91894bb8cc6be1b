// What a node knows, asked from outside: whole command lines against a daemon's answers, and against what it left.

#include <filesystem>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/control/node_facts.h"
#include "daemon/control/object_list.h"
#include "daemon/control/packet_verdict.h"
#include "daemon/control/varlink.h"
#include "daemon/ctl/command_line.h"
#include "daemon/recollect.h"
#include "daemon/state/open_state.h"
#include "nft/compile.h"
#include "policy/resolve.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_state_store.h"

namespace tierwall::daemon::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Answers every call on a socket of its own, one caller after the other, until it goes.
class AnsweringDaemon {
 public:
  AnsweringDaemon(const std::filesystem::path& socket_path, VarlinkService service) : service_(std::move(service)) {
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    thread_ = std::thread([this] {
      for (int client = -1; (client = accept(listener_, nullptr, nullptr)) >= 0; close(client)) serve(client);
    });
  }
  ~AnsweringDaemon() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  AnsweringDaemon(const AnsweringDaemon&) = delete;
  AnsweringDaemon& operator=(const AnsweringDaemon&) = delete;

 private:
  void serve(int client) const {
    std::string request;
    for (char byte = 1; recv(client, &byte, 1, 0) == 1 && byte != '\0';) request += byte;
    const std::string reply = respond(service_, *parse_call(request)).value_or("");
    send(client, reply.data(), reply.size(), MSG_NOSIGNAL);
  }

  VarlinkService service_;
  int listener_ = -1;
  std::thread thread_;
};

RememberedObject object(policy::Kind kind, const std::string& ns, const std::string& name,
                        const std::string& document) {
  return {.id = {.source = "directory", .key = {.kind = kind, .ns = ns, .name = name}},
          .document = document,
          .where = {.file = "shop.yaml", .line = 1, .column = 1},
          .boot_id = "this-boot"};
}

RememberedObject shop_pod(const std::string& name, const std::string& address) {
  return object(policy::Kind::Pod, "shop", name,
                R"({"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"shop","name":")" + name +
                    R"(","labels":{"app":")" + name +
                    R"("}},"spec":{"nodeName":"node-1"},"status":{"phase":"Running","podIPs":[{"ip":")" + address +
                    R"("}],"hostIP":"192.0.2.1"}})");
}

RememberedObject closed_database() {
  return object(policy::Kind::KubernetesNetworkPolicy, "shop", "closed",
                R"({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy",)"
                R"("metadata":{"namespace":"shop","name":"closed"},)"
                R"("spec":{"podSelector":{"matchLabels":{"app":"db"}},"policyTypes":["Ingress"]}})");
}

policy::Snapshot world_of(const std::vector<RememberedObject>& objects) {
  policy::Inventory inventory;
  JsonReader reader;
  for (const RememberedObject& remembered : objects) inventory.apply(to_event(remembered, reader));
  return inventory.snapshot();
}

/// A node with two pods: nobody may reach shop/db.
class NodeWorldTest : public ::testing::Test {
 protected:
  NodeWorldTest() {
    std::filesystem::create_directories(folder_);
    objects_ = {object(policy::Kind::Namespace, "", "shop",
                       R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}})"),
                shop_pod("web", "10.0.1.1"), shop_pod("db", "10.0.1.2"), closed_database()};
    facts_.settings.node = "node-1";
    facts_.settings.compile.node = "node-1";
    facts_.settings.compile.pod_cidrs = {*policy::parse_prefix("10.0.1.0/24")};
    facts_.known = 9;
    facts_.generation = 4;
    in_force_ = objects_;
  }
  ~NodeWorldTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string at(const char* name) const { return (folder_ / name).string(); }

  /// What the daemon of this node would answer.
  VarlinkService service() {
    EXPECT_TRUE(store_.record({.removals = {}, .upserts = objects_, .facts = {}, .generation = {}}));
    const auto table = nft::compile(policy::resolve(world_of(in_force_), {"node-1"}), facts_.settings.compile);
    EXPECT_TRUE(table);
    return {
        .version = "9.9",
        .methods = {{"GetFacts", {"facts", [this] { return to_json(facts_); }}}},
        .actions = {{"ListObjects",
                     {.parameters = {"from"},
                      .changes = false,
                      .answer = [this](const Json& given, const Caller&) -> Result<Json> {
                        // Pages of two, so that several have to be asked for.
                        return Json{{"page", to_json(*store_.objects(given.at("from").get<std::uint64_t>(), 2))}};
                      }}},
                    {"JudgePacket",
                     {.parameters = {"packet"},
                      .changes = false,
                      .answer = [table = *table](const Json& given, const Caller&) -> Result<Json> {
                        return Json{{"verdict", to_json(judge_packet(table, *packet_from_json(given.at("packet"))))}};
                      }}}}};
  }

  struct Told {
    int exit = 0;
    std::string out;
    std::string err;
  };
  [[nodiscard]] Told explain(const std::string& from, const std::string& to, std::vector<std::string> more = {}) const {
    std::vector<std::string> args = {"explain", "--from", from, "--to", to, "--dport", "5432"};
    args.insert(args.end(), more.begin(), more.end());
    return ask(std::move(args));
  }
  /// Asks there and nowhere else.
  [[nodiscard]] Told ask(std::vector<std::string> args) const {
    const std::vector<std::string> doors = {"--socket",   at("socket"), "--config",
                                            at("config"), "--state",    at("state.db")};
    args.insert(args.end(), doors.begin(), doors.end());
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    const int exit = run(args, in, out, err, {"laptop", false, true});
    return {exit, out.str(), err.str()};
  }

  std::filesystem::path folder_ = std::filesystem::temp_directory_path() / ("node-world-" + std::to_string(getpid()));
  std::vector<RememberedObject> objects_;
  std::vector<RememberedObject> in_force_;  ///< what the table was made of
  NodeFacts facts_;
  test::FakeStateStore store_;
};

TEST_F(NodeWorldTest, ExplainAsksTheDaemonWhatItKnowsAndWhatItsTableDoes) {
  const AnsweringDaemon daemon(at("socket"), service());
  const Told denied = explain("pod:shop/web", "pod:shop/db");
  EXPECT_EQ(denied.exit, exit_code::kDenied);
  EXPECT_THAT(denied.out, HasSubstr("KubernetesNetworkPolicy shop/closed"));
  EXPECT_EQ(denied.err, "");
  const Told allowed = explain("pod:shop/db", "pod:shop/web");
  EXPECT_EQ(allowed.exit, exit_code::kOk);
  EXPECT_EQ(allowed.err, "");
}

TEST_F(NodeWorldTest, DescribeTellsOfWhatTheDaemonKnows) {
  const AnsweringDaemon daemon(at("socket"), service());
  const Told policy = ask({"describe", "policy", "closed"});
  EXPECT_EQ(policy.exit, exit_code::kOk) << policy.err;
  EXPECT_THAT(policy.out, HasSubstr("Selects    pod shop/db\n"));
  EXPECT_THAT(ask({"describe", "endpoint", "shop/wep", "-o", "yaml"}).err, HasSubstr("did you mean 'shop/web'?"));
  EXPECT_THAT(ask({"describe", "endpoint", "shop/web", "-o", "yaml"}).out, HasSubstr("name: \"shop/web\"\n"));
}

TEST_F(NodeWorldTest, DescribeNeedsAKindAndANameAndANode) {
  const Told nothing = ask({"describe", "policy"});
  EXPECT_EQ(nothing.exit, exit_code::kDaemonUsage);
  EXPECT_THAT(nothing.err, HasSubstr("tierwall describe KIND NAME, where KIND is tier, policy,"));
  EXPECT_EQ(ask({"describe", "policy", "closed"}).exit, exit_code::kNotRunning);
}

TEST_F(NodeWorldTest, ATableThatDoesSomethingElseIsABug) {
  in_force_.pop_back();
  const AnsweringDaemon daemon(at("socket"), service());
  EXPECT_THAT(explain("pod:shop/web", "pod:shop/db").err, HasSubstr("bug: evaluator and compiled table disagree"));
}

TEST_F(NodeWorldTest, ANodeThatMovesOnMeanwhileIsAskedAgain) {
  VarlinkService moving = service();
  // The policy is gone from the table, and a moment later from the objects.
  in_force_.pop_back();
  moving.actions["JudgePacket"] = service().actions["JudgePacket"];
  int asked = 0;
  moving.methods["GetFacts"].answer = [this, &asked] {
    if (++asked == 3) {
      facts_.known = 10;
      EXPECT_TRUE(store_.record({.removals = {closed_database().id}, .upserts = {}, .facts = {}, .generation = {}}));
    }
    return to_json(facts_);
  };
  const AnsweringDaemon daemon(at("socket"), std::move(moving));
  const Told told = explain("pod:shop/web", "pod:shop/db");
  EXPECT_EQ(told.exit, exit_code::kOk);
  EXPECT_EQ(told.err, "");
}

TEST_F(NodeWorldTest, WhatIsHeldIsExplainedAndWhatIsInForceIsTheAnswer) {
  in_force_.pop_back();
  facts_.pending = {"session 1 would be cut: the change is held"};
  const AnsweringDaemon daemon(at("socket"), service());
  const Told told = explain("pod:shop/web", "pod:shop/db");
  EXPECT_EQ(told.exit, exit_code::kOk);
  EXPECT_THAT(told.out, HasSubstr("Denied: no rule of KubernetesNetworkPolicy shop/closed"));
  EXPECT_THAT(told.out, HasSubstr("not in force yet: session 1 would be cut"));
  EXPECT_EQ(told.err, "");
  EXPECT_EQ(explain("pod:shop/web", "pod:shop/db", {"--pending"}).exit, exit_code::kDenied);
  const Json json = Json::parse(explain("pod:shop/web", "pod:shop/db", {"-o", "json"}).out);
  EXPECT_EQ(json["verdict"], "deny");
  EXPECT_EQ(json["in_force"]["verdict"], "allow");
}

TEST_F(NodeWorldTest, AnAddressOfThePodNetworkThatNobodyHasIsClosed) {
  const AnsweringDaemon daemon(at("socket"), service());
  const Told told = explain("ip:10.0.1.77", "pod:shop/web");
  EXPECT_EQ(told.exit, exit_code::kDenied);
  EXPECT_THAT(told.out, HasSubstr("10.0.1.77 is in the pod network 10.0.1.0/24 of node node-1"));
  EXPECT_EQ(told.err, "");
}

TEST_F(NodeWorldTest, EndpointToHostClosesTheNodeForItsPods) {
  facts_.settings.compile.endpoint_to_host = nft::CompileOptions::EndpointToHost::Drop;
  const AnsweringDaemon daemon(at("socket"), service());
  const Told told = explain("pod:shop/web", "host");
  EXPECT_EQ(told.exit, exit_code::kDenied);
  EXPECT_THAT(told.out, HasSubstr("lets no pod of its own reach it"));
  EXPECT_EQ(told.err, "");
}

TEST_F(NodeWorldTest, WithoutADaemonWhatItLeftIsJudged) {
  const test::FakeClock clock;
  {
    const OpenedState left = open_state({.path = at("state.db")}, clock);
    ASSERT_TRUE(left.store->record({.removals = {}, .upserts = objects_, .facts = {}, .generation = {}}));
  }
  const Told told = explain("pod:shop/web", "pod:shop/db");
  EXPECT_EQ(told.exit, exit_code::kDenied);
  EXPECT_THAT(told.err, HasSubstr("no tierwalld runs here"));
}

TEST(NodeFactsText, ComesBackAsItWas) {
  NodeFacts facts;
  facts.settings.node = "node-1";
  facts.settings.tie_break = policy::TieBreak::Calico331;
  facts.settings.failsafes = {{{policy::kTcp, *policy::parse_prefix("fd00::/8"), 22, "eth0"}},
                              {{policy::kUdp, std::nullopt, 53}}};
  facts.settings.compile.node = facts.settings.node;
  facts.settings.compile.failsafes = facts.settings.failsafes;
  facts.settings.compile.pod_cidrs = {*policy::parse_prefix("10.0.1.0/24")};
  facts.settings.compile.unknown_pod = nft::CompileOptions::UnknownPod::Allow;
  facts.settings.compile.endpoint_to_host = nft::CompileOptions::EndpointToHost::Return;
  facts.settings.compile.host_deny = nft::CompileOptions::HostDeny::Reject;
  facts.host_auto = true;
  facts.known = 3;
  facts.generation = 2;
  facts.pending = {"why"};
  const Result<NodeFacts> read = node_facts_from_json(to_json(facts));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, facts);
}

TEST(PacketText, RefusesWhatIsNoPacket) {
  const nft::Packet packet{.source = *policy::parse_address("10.0.0.1"),
                           .destination = *policy::parse_address("10.0.0.2")};
  EXPECT_TRUE(packet_from_json(to_json(packet)));
  Json mixed = to_json(packet);
  mixed["destination"] = "fd00::1";
  EXPECT_FALSE(packet_from_json(mixed));
  for (const Json& port : {Json(65536), Json(-1), Json(1ULL << 63)}) {
    Json large = to_json(packet);
    large["destination_port"] = port;
    EXPECT_FALSE(packet_from_json(large)) << port;
  }
  EXPECT_FALSE(packet_from_json(Json::object()));
  EXPECT_FALSE(packet_from_json(Json::array()));
}

}  // namespace
}  // namespace tierwall::daemon::ctl

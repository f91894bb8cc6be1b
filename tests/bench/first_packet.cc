// What policy adds to the first packet of a connection, by the number of rules on the pod, written one by one and
// flattened, in one run on one kernel. One JSON object per line:
//
//   {"what":"first packet","shape":"ports","rules":1000,"compiled":"flat","ns":2210,"added_ns":480,"chains":9,"sets":4}
//
// A pod sends UDP datagrams to a pod of the same node; the node forwards, and its table denies them as the last of all
// rules. A denied packet leaves no connection, so every datagram is the first of one and meets everything there is to
// meet. `ns` is one datagram from sendmmsg to its end, `added_ns` the same less the datagram under a table that judges
// neither pod but drops it in the same place. Interleaved rounds, median of them.
//
// "flat, told" is what the daemon writes unless drops.per_second is 0: a limit in front of the drop, and a sample for
// whoever listens, which here is nobody.
//
//   ports   every rule allows one set of pods to one port of its own; the datagram's port is none of them
//   peers   every rule allows one net or set to the same port, which is the datagram's
//   mixed   nine rules of ten as in ports, but allowed and denied by turns, the tenth for a range of ports

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nft/compile.h"
#include "nft/netlink_tables.h"
#include "policy/resolve.h"
#include "tests/bench/two_pods.h"
#include "tests/lab/topology.h"

namespace tierwall {
namespace {

constexpr int kRounds = 7;
constexpr auto kRound = std::chrono::milliseconds(60);
constexpr int kBatch = 100;
constexpr std::uint16_t kPort = 40'000;  // where the datagrams go

/// Rule number `i` of the shape; no rule ever matches the datagram.
policy::Rule rule(const std::string& shape, int i) {
  policy::Rule made;
  made.number = 1;
  made.protocol = policy::kUdp;
  made.action = policy::Action::Allow;
  const auto own = static_cast<std::uint16_t>(1 + i % 30'000);
  made.destination.ports.ranges = {{own, own}};
  made.source.selector = policy::equals("peer", std::to_string(i));
  if (shape == "peers") {
    made.destination.ports.ranges = {{kPort, kPort}};
    if (i % 2 == 0) return made;
    made.source.selector.reset();
    const std::string net = "172." + std::to_string(16 + i % 16) + "." + std::to_string(i / 16 % 256) + ".0/" +
                            std::to_string(24 + i / 4096 % 4);
    made.source.nets = {*policy::parse_prefix(net)};
  } else if (shape == "mixed") {
    if (i % 2 == 1) made.action = policy::Action::Deny;
    if (i % 10 == 9) made.destination.ports.ranges = {{own, static_cast<std::uint16_t>(own + 50)}};
  }
  return made;
}

policy::Snapshot make_world(const std::string& shape, int rules) {
  policy::Snapshot world = bench::two_pods();
  for (int i = 0; i < rules; ++i) bench::add_policy(world, i, rule(shape, i));
  return world;
}

/// Judges neither pod, and drops in the same hook what the others drop.
nft::Ruleset floor_table() {
  nft::Ruleset table = *nft::compile({}, {});
  nft::Chain& forward = table.chains.at("forward");
  forward.rules.push_back({{}, nft::Verdict{nft::Verdict::Code::Drop, {}}, "floor"});
  return table;
}

class Sender {
 public:
  explicit Sender(const lab::Host& from) {
    socket_ = from.network.run([] { return ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); });
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(kPort);
    inet_pton(AF_INET, bench::kReceiver, &to.sin_addr);
    if (socket_ < 0 || ::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      lab::throw_errno("socket of the sender");
    }
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender() { ::close(socket_); }

  /// Nanoseconds of one datagram.
  [[nodiscard]] double round() const {
    char payload[8] = {};
    iovec part{payload, sizeof payload};
    std::vector<mmsghdr> messages(kBatch);
    for (mmsghdr& message : messages) {
      message.msg_hdr.msg_iov = &part;
      message.msg_hdr.msg_iovlen = 1;
    }
    const auto started = std::chrono::steady_clock::now();
    std::chrono::duration<double, std::nano> took{0};
    int sent = 0;
    for (; took < kRound; sent += kBatch) {
      if (::sendmmsg(socket_, messages.data(), kBatch, 0) != kBatch) lab::throw_errno("sendmmsg");
      took = std::chrono::steady_clock::now() - started;
    }
    return took.count() / sent;
  }

 private:
  int socket_ = -1;
};

struct Variant {
  std::string shape;
  int rules = 0;
  const char* compiled = "linear";
  nft::Ruleset table;
  std::vector<double> rounds;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// The kernel frees what a table held in the background, long after the commit that removed it.
void let_the_kernel_tidy_up(const nft::Ruleset& former) {
  std::this_thread::sleep_for(std::chrono::milliseconds(20 + (former.sets.size() + former.chains.size()) / 20));
}

/// Variants of one shape and their floor take turns, so that what else the machine does falls on all alike.
void measure(std::vector<Variant>& variants, nft::KernelTables& tables, const Sender& sender) {
  Variant floor{"floor", 0, "linear", floor_table(), {}};
  for (int round = 0; round < kRounds; ++round) {
    const nft::Ruleset* former = &variants.back().table;
    const auto take_turn = [&](Variant& variant) {
      bench::commit(tables, variant.table);
      let_the_kernel_tidy_up(*former);
      former = &variant.table;
      variant.rounds.push_back(sender.round());
    };
    take_turn(floor);
    for (Variant& variant : variants) take_turn(variant);
  }
  for (const Variant& variant : variants) {
    std::printf(
        "{\"what\":\"first packet\",\"shape\":\"%s\",\"rules\":%d,\"compiled\":\"%s\",\"ns\":%.0f,\"added_ns\":%.0f,"
        "\"chains\":%zu,\"sets\":%zu}\n",
        variant.shape.c_str(), variant.rules, variant.compiled, median(variant.rounds),
        median(variant.rounds) - median(floor.rounds), variant.table.chains.size(), variant.table.sets.size());
    std::fflush(stdout);
  }
}

void run(int most) {
  const lab::Lab lab({.pods = {lab::make_machine("bench/sender", {bench::kSender}),
                               lab::make_machine("bench/receiver", {bench::kReceiver})}});
  const auto tables = lab.node().network.run([] { return nft::NetlinkTables::open(); });
  if (!tables) {
    std::fprintf(stderr, "first-packet: %s\n", tables.error().message.c_str());
    std::exit(1);
  }
  const Sender sender(lab.host("bench/sender"));
  for (const char* shape : {"ports", "peers", "mixed"}) {
    std::vector<Variant> variants;
    for (int rules = 1; rules <= most; rules *= 10) {
      const policy::NodePolicy resolved = policy::resolve(make_world(shape, rules), {bench::kNode});
      const auto add = [&](const char* compiled, const nft::CompileOptions& options) {
        variants.push_back({shape, rules, compiled, *nft::compile(resolved, options), {}});
      };
      add("linear", {.flattening = nft::Flattening::never()});
      add("flat", {});
      add("flat, told", {.denied_log = nft::DeniedLog{.group = 7610}});
    }
    measure(variants, **tables, sender);
  }
}

}  // namespace
}  // namespace tierwall

int main(int argc, char** argv) {
  tierwall::run(argc > 1 ? std::atoi(argv[1]) : 10'000);
}

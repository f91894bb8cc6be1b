// What policy costs two pods of one node that talk: round trips within a UDP flow and a TCP connection, and how many
// connections are made per second, with no table at all, and with 100 and 10,000 policies on the receiver of which the
// last allows it. One JSON object per line:
//
//   {"what":"round trip","policies":100,"udp_p50_us":..,"udp_p99_us":..,"tcp_p50_us":..,"connections_per_s":..}
//
// The three tables take turns, round by round; figures are medians of the rounds. With a table the kernel also tracks
// connections, which it does not without one.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nft/compile.h"
#include "nft/netlink_tables.h"
#include "policy/resolve.h"
#include "tests/bench/two_pods.h"
#include "tests/lab/topology.h"

namespace tierwall {
namespace {

constexpr int kRounds = 9;
constexpr int kTrips = 4'000;
constexpr int kConnections = 1'000;
constexpr std::uint16_t kPort = 40'000;
constexpr int kPorts = 200;  // that the policies speak of

using Clock = std::chrono::steady_clock;

sockaddr_in receiver() {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(kPort);
  inet_pton(AF_INET, bench::kReceiver, &to.sin_addr);
  return to;
}

lab::UniqueFd make_socket(const lab::Host& host, int type) {
  lab::UniqueFd fd(host.network.run([type] { return ::socket(AF_INET, type | SOCK_CLOEXEC, 0); }));
  if (fd.number() < 0) lab::throw_errno("socket");
  const int on = 1;
  const timeval patience{.tv_sec = 5, .tv_usec = 0};
  setsockopt(fd.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd.number(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (type == SOCK_STREAM) setsockopt(fd.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

lab::UniqueFd connect_from(const lab::Host& host, int type) {
  lab::UniqueFd fd = make_socket(host, type);
  const sockaddr_in to = receiver();
  if (::connect(fd.number(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) lab::throw_errno("connect");
  return fd;
}

lab::UniqueFd bind_at(const lab::Host& host, int type) {
  lab::UniqueFd fd = make_socket(host, type);
  const sockaddr_in at = receiver();
  if (::bind(fd.number(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) lab::throw_errno("bind");
  if (type == SOCK_STREAM && ::listen(fd.number(), 1024) != 0) lab::throw_errno("listen");
  return fd;
}

/// Gives every byte back, over UDP and over one TCP connection after the other.
class Echo {
 public:
  explicit Echo(const lab::Host& host)
      : datagrams_(bind_at(host, SOCK_DGRAM)),
        listener_(bind_at(host, SOCK_STREAM)),
        udp_([this](const std::stop_token& stop) { answer_datagrams(stop); }),
        tcp_([this](const std::stop_token& stop) { answer_connections(stop); }) {}
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;
  ~Echo() {
    udp_.request_stop();
    tcp_.request_stop();
    shutdown(datagrams_.number(), SHUT_RDWR);
    shutdown(listener_.number(), SHUT_RDWR);
  }

 private:
  void answer_datagrams(const std::stop_token& stop) const {
    std::array<char, 64> bytes{};
    while (!stop.stop_requested()) {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t count =
          recvfrom(datagrams_.number(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (count <= 0) continue;
      static_cast<void>(sendto(datagrams_.number(), bytes.data(), static_cast<std::size_t>(count), 0,
                               reinterpret_cast<const sockaddr*>(&from), size));
    }
  }
  void answer_connections(const std::stop_token& stop) const {
    std::array<char, 64> bytes{};
    const int on = 1;
    while (!stop.stop_requested()) {
      const lab::UniqueFd peer(accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC));
      if (peer.number() < 0) continue;
      setsockopt(peer.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      for (ssize_t count = 0; (count = recv(peer.number(), bytes.data(), bytes.size(), 0)) > 0;) {
        static_cast<void>(send(peer.number(), bytes.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL));
      }
    }
  }

  lab::UniqueFd datagrams_;
  lab::UniqueFd listener_;
  std::jthread udp_;
  std::jthread tcp_;
};

/// Microseconds of one trip there and back, each.
std::vector<double> trips(const lab::Host& from, int type) {
  const lab::UniqueFd fd = connect_from(from, type);
  std::vector<double> times;
  for (int i = 0; i < kTrips; ++i) {
    char byte = 'x';
    const auto started = Clock::now();
    if (send(fd.number(), &byte, 1, 0) != 1 || recv(fd.number(), &byte, 1, 0) != 1) lab::throw_errno("no echo");
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - started).count());
  }
  std::ranges::sort(times);
  return times;
}

/// Made, and given up by a reset so that no port stays taken, one after the other.
double connections_per_second(const lab::Host& from) {
  const linger reset{.l_onoff = 1, .l_linger = 0};
  const auto started = Clock::now();
  for (int i = 0; i < kConnections; ++i) {
    const lab::UniqueFd fd = connect_from(from, SOCK_STREAM);
    setsockopt(fd.number(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  return kConnections / std::chrono::duration<double>(Clock::now() - started).count();
}

nft::Ruleset table_with(int policies) {
  policy::Snapshot world = bench::two_pods();
  for (int i = 1; i < policies; ++i) {
    policy::Rule rule;
    rule.number = 1;
    rule.action = policy::Action::Allow;
    rule.protocol = i % 2 == 0 ? policy::kTcp : policy::kUdp;
    rule.source.selector = policy::equals("peer", std::to_string(i));
    const auto port = static_cast<std::uint16_t>(1 + i % kPorts);
    rule.destination.ports.ranges = {{port, port}};
    bench::add_policy(world, i, std::move(rule));
  }
  policy::Rule last;
  last.number = 1;
  last.action = policy::Action::Allow;
  last.source.selector = policy::equals("app", "sender");
  bench::add_policy(world, policies, std::move(last));
  return *nft::compile(policy::resolve(world, {bench::kNode}), {});
}

struct Variant {
  int policies = 0;  // 0: no table
  nft::Ruleset table = {};
  std::vector<double> udp_p50 = {}, udp_p99 = {}, tcp_p50 = {}, connections = {};
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void take_turn(Variant& variant, const lab::Lab& lab, nft::KernelTables& tables) {
  if (variant.policies == 0) {
    static_cast<void>(tables.commit({{nft::AddTable{}, nft::DeleteTable{}}}));
  } else {
    bench::commit(tables, variant.table);
  }
  // The kernel frees the table before this one in the background.
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const lab::Host& sender = lab.host("bench/sender");
  const std::vector<double> udp = trips(sender, SOCK_DGRAM);
  const std::vector<double> tcp = trips(sender, SOCK_STREAM);
  variant.udp_p50.push_back(udp[udp.size() / 2]);
  variant.udp_p99.push_back(udp[udp.size() * 99 / 100]);
  variant.tcp_p50.push_back(tcp[tcp.size() / 2]);
  variant.connections.push_back(connections_per_second(sender));
}

void run() {
  const lab::Lab lab({.pods = {lab::make_machine("bench/sender", {bench::kSender}),
                               lab::make_machine("bench/receiver", {bench::kReceiver})}});
  const auto tables = lab.node().network.run([] { return nft::NetlinkTables::open(); });
  if (!tables) {
    std::fprintf(stderr, "round-trip: %s\n", tables.error().message.c_str());
    std::exit(1);
  }
  const Echo echo(lab.host("bench/receiver"));
  std::vector<Variant> variants = {{.policies = 0}, {100, table_with(100)}, {10'000, table_with(10'000)}};
  for (int round = 0; round < kRounds; ++round) {
    for (Variant& variant : variants) take_turn(variant, lab, **tables);
  }
  for (const Variant& variant : variants) {
    std::printf(
        "{\"what\":\"round trip\",\"policies\":%d,\"udp_p50_us\":%.1f,\"udp_p99_us\":%.1f,\"tcp_p50_us\":%.1f,"
        "\"connections_per_s\":%.0f}\n",
        variant.policies, median(variant.udp_p50), median(variant.udp_p99), median(variant.tcp_p50),
        median(variant.connections));
  }
}

}  // namespace
}  // namespace tierwall

int main() {
  tierwall::run();
}

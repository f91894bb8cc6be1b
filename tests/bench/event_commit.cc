// How long a change of a pod takes from the API server's store to the kernel: TLS, decoding, inventory, resolve,
// compile, diff, commit. One JSON object per line:
//
//   {"what":"pod event at the API server to committed","pods":10000,"policies":1000,"local_pods":100,"runs":100,
//   "p50_us":...,"p99_us":...,"max_us":...}
//
//   event-commit [PODS...]     1000 and 10000 by default
//
// The daemon is the real one, in a network namespace of its own; the server is the fake of the tests, on threads of
// this process, so that both share the machine's cores. The clock starts before the server takes the change and stops
// when the kernel says that it has a new generation of rules. Every change moves a pod into or out of a set that is in
// force. As root.

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "policy/model.h"
#include "tests/bench/cluster_objects.h"
#include "tests/fake_api/fake_api_server.h"
#include "tests/lab/daemon_process.h"

namespace tierwall {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kChanges = 100;
constexpr int kWarmUp = 5;                       // changes before those that count
constexpr std::chrono::milliseconds kPause{20};  // so that each change comes alone
constexpr const char* kToken = "bench";
constexpr std::chrono::seconds kPatience{10};

/// Hears from the kernel of every transaction in the namespace it was opened in.
class CommitWatch {
 public:
  CommitWatch() : socket_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)) {
    sockaddr_nl any{};
    any.nl_family = AF_NETLINK;
    const int group = NFNLGRP_NFTABLES;
    const int room = 32 << 20;
    const bool listens = bind(socket_.number(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0 &&
                         setsockopt(socket_.number(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0 &&
                         setsockopt(socket_.number(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) == 0;
    if (!listens) lab::throw_errno("listen to the kernel's rules");
  }

  /// What happened before counts no more.
  void forget() {
    while (is_readable(std::chrono::milliseconds(0))) static_cast<void>(read_commit());
  }

  /// Throws after kPatience.
  void wait() {
    const Clock::time_point deadline = Clock::now() + kPatience;
    while (Clock::now() < deadline) {
      if (is_readable(std::chrono::milliseconds(100)) && read_commit()) return;
    }
    throw std::runtime_error("the kernel's rules did not change");
  }

 private:
  [[nodiscard]] bool is_readable(std::chrono::milliseconds timeout) const {
    pollfd watched{socket_.number(), POLLIN, 0};
    return poll(&watched, 1, static_cast<int>(timeout.count())) > 0;
  }

  /// One message; says whether it ends a transaction. Lost ones do not matter: they were about what was forgotten.
  bool read_commit() {
    const ssize_t size = recv(socket_.number(), buffer_.data(), buffer_.size(), 0);
    int left = static_cast<int>(std::max<ssize_t>(size, 0));
    bool commits = false;
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data());
         left >= static_cast<int>(sizeof *message) && message->nlmsg_len >= sizeof *message &&
         static_cast<int>(message->nlmsg_len) <= left;) {
      commits |= message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN);
      const int step = static_cast<int>(NLMSG_ALIGN(message->nlmsg_len));
      left -= step;
      message = reinterpret_cast<const nlmsghdr*>(reinterpret_cast<const char*>(message) + step);
    }
    return commits;
  }

  lab::UniqueFd socket_;
  alignas(nlmsghdr) std::array<char, 256 << 10> buffer_{};
};

std::string kubeconfig(const std::string& url, const std::string& authority) {
  const std::string encoded = lab::run_command({.argv = {"base64", "-w0"}}, authority).output;
  return "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster:\n    server: " + url +
         "\n    certificate-authority-data: " + encoded + "\nusers:\n- name: u\n  user: {token: " + kToken +
         "}\ncontexts:\n- name: c\n  context: {cluster: c, user: u}\n";
}

void fill(fake_api::ObjectStore& store, const bench::ClusterShape& shape) {
  for (const nlohmann::json& object : bench::make_surroundings()) store.put(object);
  for (int i = 0; i < shape.pods; ++i) store.put(bench::make_pod(i, shape));
  for (int i = 0; i < shape.policies; ++i) store.put(bench::make_policy(i));
}

/// The index of every pod whose change the kernel must hear of, other than those of this node.
std::vector<int> changing_pods(const bench::ClusterShape& shape) {
  std::vector<int> pods;
  for (int i = shape.local_pods; i < shape.pods; ++i) {
    if (bench::matters_here(i, shape)) pods.push_back(i);
  }
  return pods;
}

std::size_t followed_pods(const daemon::StatusReport& status) {
  std::size_t pods = 0;
  for (const daemon::SourceStatus& source : status.sources) {
    for (const daemon::CollectionStatus& collection : source.collections) {
      if (collection.kind == policy::print_kind(policy::Kind::Pod)) pods += collection.objects;
    }
  }
  return pods;
}

void report(const bench::ClusterShape& shape, std::vector<double> times) {
  std::ranges::sort(times);
  const auto at = [&](double part) {
    return times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
  };
  std::printf(
      "{\"what\":\"pod event at the API server to committed\",\"pods\":%d,\"policies\":%d,\"local_pods\":%d,"
      "\"runs\":%zu,\"p50_us\":%.0f,\"p99_us\":%.0f,\"max_us\":%.0f}\n",
      shape.pods, shape.policies, shape.local_pods, times.size(), at(0.5), at(0.99), times.back());
  std::fflush(stdout);
}

void run(const bench::ClusterShape& shape) {
  const lab::Host node{.name = "node", .addresses = {}, .network = lab::NetNamespace::create()};
  lab::require_command({.argv = {"ip", "link", "set", "lo", "up"}, .inside = &node.network});
  const fake_api::CertificateAuthority authority;
  fake_api::FakeApiServer server(node.network.run([] { return fake_api::FakeApiServer::listen_on("127.0.0.1"); }),
                                 {.server = authority.issue_server()});
  server.script().accept_token(kToken);
  fill(server.store(), shape);

  lab::Daemon daemon(node, {.tierwalld = TIERWALL_DAEMON_PATH, .tierwall = {}},
                     {.kubeconfig = kubeconfig(server.url(), authority.certificate())});
  daemon.start();
  const auto pods = static_cast<std::size_t>(shape.pods);
  daemon.wait_until(
      [pods](const daemon::StatusReport& status) {
        return status.state == daemon::State::InSync && status.applied && followed_pods(status) >= pods;
      },
      std::chrono::seconds(60));

  CommitWatch watch = node.network.run([] { return CommitWatch(); });
  const std::vector<int> changing = changing_pods(shape);
  std::vector<double> times;
  for (int i = 0; i < kWarmUp + kChanges; ++i) {
    const std::size_t turn = static_cast<std::size_t>(i);
    const nlohmann::json pod =
        bench::make_pod(changing[turn % changing.size()], shape, turn / changing.size() % 2 == 1);
    std::this_thread::sleep_for(kPause);
    watch.forget();
    const Clock::time_point changed = Clock::now();
    server.store().put(pod);
    watch.wait();
    const Clock::time_point committed = Clock::now();
    if (i >= kWarmUp) times.push_back(std::chrono::duration<double, std::micro>(committed - changed).count());
  }
  report(shape, std::move(times));
}

}  // namespace
}  // namespace tierwall

int main(int argc, char** argv) {
  if (geteuid() != 0) {
    std::fprintf(stderr, "event-commit: skipped, network namespaces need root\n");
    return 0;
  }
  try {
    tierwall::lab::enter_private_run();
    std::vector<int> sizes;
    for (int i = 1; i < argc; ++i) sizes.push_back(std::atoi(argv[i]));
    if (sizes.empty()) sizes = {1'000, 10'000};
    for (const int pods : sizes) tierwall::run({.pods = pods});
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "event-commit: %s\n", failure.what());
    return 1;
  }
}

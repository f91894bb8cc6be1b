// What following an API server costs: the first full read over real TLS, the memory it leaves behind, and the way of
// one changed pod from the server's store to an event in the inventory. One JSON object per line:
//
//   {"what":"first full read","pods":10000,"seconds":...,"kib_per_pod":...,"resident_mib":...}
//   {"what":"pod change to inventory","pods":10000,"runs":200,"p50_us":...,"p99_us":...,"max_us":...}
//
//   cluster-sync [PODS]
//
// The seconds hold the random wait of up to 2 s before the first request. The server is the fake of the tests in a
// process of its own, so its memory does not count; both share the machine's cores, so the times hold the server's
// work, too. Every pod is wanted, as if a policy named peers in all namespaces.

#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "daemon/sources/kubernetes/cluster_connection.h"
#include "policy/inventory.h"
#include "tests/fake_api/fake_api_server.h"

namespace tierwall {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr int kChanges = 200;
constexpr const char* kToken = "bench";

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

json make_pod(int index, int version) {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata",
           {{"name", "pod-" + std::to_string(index)},
            {"namespace", "ns-" + std::to_string(index % 50)},
            {"labels",
             {{"app", "app-" + std::to_string(index % 200)},
              {"pod-template-hash", "5d4f8c7b9"},
              {"version", std::to_string(version)}}}}},
          {"spec",
           {{"nodeName", "node-" + std::to_string(index % 100)},
            {"containers", {{{"name", "main"}, {"image", "none"}, {"ports", {{{"containerPort", 8080}}}}}}}}},
          {"status",
           {{"phase", "Running"},
            {"podIPs",
             {{{"ip", "10." + std::to_string(index >> 16) + "." + std::to_string(index >> 8 & 255) + "." +
                          std::to_string(index & 255)}}}}}}};
}

/// What the bench tells its server: one byte means "change the next pod".
struct Server {
  pid_t pid = -1;
  int orders = -1;
  std::string url;
  std::string authority;
};

[[noreturn]] void serve(int pods, int orders, int answers) {
  const fake_api::CertificateAuthority authority;
  fake_api::FakeApiServer server(fake_api::FakeApiServer::listen_on("127.0.0.1"), {.server = authority.issue_server()});
  server.script().accept_token(kToken);
  for (int i = 0; i < 50; ++i) {
    server.store().put(
        {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "ns-" + std::to_string(i)}}}});
  }
  for (int i = 0; i < pods; ++i) server.store().put(make_pod(i, 0));
  const std::string ready = json{{"url", server.url()}, {"authority", authority.certificate()}}.dump() + "\n";
  if (write(answers, ready.data(), ready.size()) < 0) std::_Exit(1);
  char order = 0;
  for (int i = 0; read(orders, &order, 1) == 1; ++i) server.store().put(make_pod(i % pods, i + 1));
  std::_Exit(0);
}

Server start_server(int pods) {
  int orders[2];
  int answers[2];
  if (pipe(orders) != 0 || pipe(answers) != 0) std::exit(1);
  Server server;
  server.pid = fork();
  if (server.pid == 0) {
    close(orders[1]);
    close(answers[0]);
    serve(pods, orders[0], answers[1]);
  }
  close(orders[0]);
  close(answers[1]);
  std::string line;
  for (char c = 0; read(answers[0], &c, 1) == 1 && c != '\n';) line += c;
  const json ready = json::parse(line);
  server.orders = orders[1];
  server.url = ready["url"];
  server.authority = ready["authority"];
  return server;
}

/// VmRSS, in KiB.
std::size_t resident() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "VmRSS:") continue;
    std::size_t kib = 0;
    status >> kib;
    return kib;
  }
  return 0;
}

void run(int pods) {
  const Server server = start_server(pods);
  daemon::ServerAccess access;
  access.server = server.url;
  access.ca_data = server.authority;
  access.token = daemon::Secret(kToken);

  systemd::EventLoop loop;
  const daemon::SystemClock clock;
  policy::Inventory inventory;
  const std::size_t before = resident();
  daemon::ClusterConnection cluster(
      loop, clock,
      {.node = "node-1",
       .user_agent = "tierwall-bench",
       .read_access = [&] { return Result<daemon::ServerAccess>(access); }},
      [&](std::vector<policy::ResourceEvent> events) {
        for (policy::ResourceEvent& event : events) inventory.take(event);
      },
      [] {});
  cluster.need({.pods = daemon::Needs::Pods::All});
  const Clock::time_point start = Clock::now();
  cluster.start();
  while (!cluster.in_sync() || inventory.snapshot().pods.size() != static_cast<std::size_t>(pods)) {
    sd_event_run(loop.raw(), 100'000);
  }
  const double seconds = seconds_since(start);
  const std::size_t after = resident();
  std::printf(
      "{\"what\":\"first full read\",\"pods\":%d,\"seconds\":%.2f,\"kib_per_pod\":%.2f,\"resident_mib\":%.0f}\n", pods,
      seconds, static_cast<double>(after - before) / pods, static_cast<double>(after) / 1024);

  std::vector<double> times;
  for (int i = 0; i < kChanges; ++i) {
    const std::uint64_t generation = inventory.generation();
    const Clock::time_point changed = Clock::now();
    if (write(server.orders, "x", 1) != 1) std::exit(1);
    while (inventory.generation() == generation) sd_event_run(loop.raw(), 100'000);
    times.push_back(seconds_since(changed) * 1e6);
  }
  std::ranges::sort(times);
  std::printf(
      "{\"what\":\"pod change to "
      "inventory\",\"pods\":%d,\"runs\":%d,\"p50_us\":%.0f,\"p99_us\":%.0f,\"max_us\":%.0f}\n",
      pods, kChanges, times[kChanges / 2], times[kChanges * 99 / 100], times.back());
  kill(server.pid, SIGKILL);
  waitpid(server.pid, nullptr, 0);
}

}  // namespace
}  // namespace tierwall

int main(int argc, char** argv) {
  tierwall::run(argc == 2 ? std::atoi(argv[1]) : 10'000);
}

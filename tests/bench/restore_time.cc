// How long a node is without its rules at boot: `tierwalld restore` from its start to its end, when the table is in the
// kernel. One JSON object per line:
//
//   {"what":"restore: exec to rules in the kernel","state":"of an earlier boot","pods":10000,"policies":1000,
//   "local_pods":100,"runs":20,"p50_us":...,"p99_us":...,"max_us":...,"cpu_p50_us":...}
//
//   restore-time
//
// "of an earlier boot": what the machine finds after it restarted; the pods are forgotten on the way. "of this boot":
// the pods are still there. Every run gets the state file as it was, in memory rather than on a disk, and a network
// namespace of its own. As root.

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "daemon/sources/kubernetes/object_feed.h"
#include "daemon/state/boot_id.h"
#include "daemon/state/open_state.h"
#include "tests/bench/cluster_objects.h"
#include "tests/lab/daemon_process.h"

namespace tierwall {
namespace {

namespace fs = std::filesystem;

constexpr int kRuns = 20;
constexpr const char* kEarlierBoot = "00000000-0000-4000-8000-000000000001";

daemon::RememberedObject remember(policy::Kind kind, const nlohmann::json& object, const std::string& boot) {
  const nlohmann::json& metadata = object.at("metadata");
  daemon::RememberedObject remembered;
  remembered.id = {std::string(daemon::kKubernetesSource),
                   {kind, metadata.value("namespace", std::string()), metadata.at("name")}};
  remembered.resource_version = "1";
  remembered.document = object.dump();
  remembered.boot_id = boot;
  return remembered;
}

daemon::StateChange make_state(const bench::ClusterShape& shape, const std::string& boot) {
  daemon::StateChange state;
  for (const nlohmann::json& object : bench::make_surroundings()) {
    const policy::Kind kind = object.at("kind") == "Node" ? policy::Kind::Node : policy::Kind::Namespace;
    state.upserts.push_back(remember(kind, object, boot));
  }
  for (int i = 0; i < shape.pods; ++i) {
    state.upserts.push_back(remember(policy::Kind::Pod, bench::make_pod(i, shape), boot));
  }
  for (int i = 0; i < shape.policies; ++i) {
    state.upserts.push_back(remember(policy::Kind::KubernetesNetworkPolicy, bench::make_policy(i), boot));
  }
  state.facts = {{daemon::kFactBootId, boot}};
  state.generation = daemon::Generation{.number = 1};
  return state;
}

void write_state(const fs::path& file, const daemon::StateChange& state) {
  const daemon::OpenedState opened = daemon::open_state({.path = file.string()}, daemon::SystemClock());
  if (opened.refusal) throw std::runtime_error(opened.refusal->message);
  if (const Result<void> recorded = opened.store->record(state); !recorded) {
    throw std::runtime_error(recorded.error().message);
  }
}

/// Of the programs that were started and ended: what remains true on a busy machine.
double processor_us() {
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

struct Cost {
  double wall_us = 0;
  double processor_us = 0;
};

Cost restore_once(const fs::path& state, bool pods_remain) {
  const lab::Host node{.name = "node", .addresses = {}, .network = lab::NetNamespace::create()};
  lab::Daemon daemon(node, {.tierwalld = TIERWALL_DAEMON_PATH, .tierwall = {}});
  fs::create_directories(daemon.state_file().parent_path());
  fs::copy_file(state, daemon.state_file());
  const double processor_before = processor_us();
  const auto started = std::chrono::steady_clock::now();
  const int status = daemon.restore();
  const auto ended = std::chrono::steady_clock::now();
  const double processor_used = processor_us() - processor_before;
  const std::string log = daemon.log();
  if (status != 0) throw std::runtime_error("tierwalld restore failed:\n" + log);
  const std::string table = lab::require_command({.argv = {"nft", "list", "ruleset"}, .inside = &node.network});
  if (table.find("table inet tierwall") == std::string::npos)
    throw std::runtime_error("no table was restored:\n" + log);
  // The first pod's address; policy is in force on it.
  if ((table.find("10.0.0.1") != std::string::npos) != pods_remain) throw std::runtime_error("not the right table");
  return {.wall_us = std::chrono::duration<double, std::micro>(ended - started).count(),
          .processor_us = processor_used};
}

void measure(const char* what, const bench::ClusterShape& shape, const std::string& boot) {
  const lab::TemporaryDirectory directory;
  const fs::path state = directory.path() / "state.db";
  write_state(state, make_state(shape, boot));
  std::vector<double> times;
  std::vector<double> processor_times;
  for (int i = 0; i < kRuns; ++i) {
    const Cost cost = restore_once(state, boot != kEarlierBoot);
    times.push_back(cost.wall_us);
    processor_times.push_back(cost.processor_us);
  }
  std::ranges::sort(times);
  std::ranges::sort(processor_times);
  const auto at = [](const std::vector<double>& sorted, double part) {
    return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
  };
  std::printf(
      "{\"what\":\"restore: exec to rules in the kernel\",\"state\":\"%s\",\"pods\":%d,\"policies\":%d,"
      "\"local_pods\":%d,\"runs\":%zu,\"p50_us\":%.0f,\"p99_us\":%.0f,\"max_us\":%.0f,"
      "\"cpu_p50_us\":%.0f}\n",
      what, shape.pods, shape.policies, shape.local_pods, times.size(), at(times, 0.5), at(times, 0.99), times.back(),
      at(processor_times, 0.5));
  std::fflush(stdout);
}

}  // namespace
}  // namespace tierwall

int main() {
  if (geteuid() != 0) {
    std::fprintf(stderr, "restore-time: skipped, network namespaces need root\n");
    return 0;
  }
  try {
    tierwall::lab::enter_private_run();
    const auto boot = tierwall::daemon::read_boot_id();
    if (!boot) throw std::runtime_error(boot.error().message);
    tierwall::measure("of an earlier boot", {}, tierwall::kEarlierBoot);
    tierwall::measure("of this boot", {}, *boot);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "restore-time: %s\n", failure.what());
    return 1;
  }
}

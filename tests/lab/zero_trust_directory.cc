// The zero-trust walk of a daemon that watches a directory of manifests.

#include <iterator>

#include "tests/lab/zero_trust_walk.h"

namespace tierwall::lab {
namespace {

class DirectoryFeed final : public WalkFeed {
 public:
  [[nodiscard]] DaemonOptions daemon_options() const override {
    return {.pod_cidrs = {std::begin(kWalkPodCidrs), std::end(kWalkPodCidrs)}};
  }
  void add(const Daemon& daemon, const std::vector<std::filesystem::path>& files) override {
    daemon.copy_manifests(files);
  }
  daemon::StatusReport wait_applied(const Daemon& daemon, std::uint64_t before) override {
    return daemon.wait_applied(before);
  }
};

}  // namespace
}  // namespace tierwall::lab

int main(int argc, char** argv) {
  return tierwall::lab::walk_main(
      argc, argv, [](const tierwall::lab::Lab&) { return std::make_unique<tierwall::lab::DirectoryFeed>(); });
}

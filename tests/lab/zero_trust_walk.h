#pragma once
// The zero-trust walk: an application is closed and opened again step by step on a real kernel, by the real daemon, in
// network namespaces that leave no trace. It shows after each step who reaches whom, and fails if that is not what the
// policies say. The story is one, whatever the daemon learns it from.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "tests/lab/daemon_process.h"
#include "tests/lab/topology.h"

namespace tierwall::lab {

/// Where the daemon of the walk gets its objects from.
class WalkFeed {
 public:
  virtual ~WalkFeed() = default;

  [[nodiscard]] virtual DaemonOptions daemon_options() const = 0;
  /// Brings a step's manifests to the daemon, and into its policy directory, where the command line reads them. The
  /// first call comes before the daemon starts.
  virtual void add(const Daemon& daemon, const std::vector<std::filesystem::path>& files) = 0;
  /// All that was added is in the kernel, in a later generation than `before`.
  virtual daemon::StatusReport wait_applied(const Daemon& daemon, std::uint64_t before) = 0;
};

using MakeWalkFeed = std::function<std::unique_ptr<WalkFeed>(const Lab&)>;

/// What a program that is the walk does: reads its options, walks, gives back the exit status.
int walk_main(int argc, char** argv, const MakeWalkFeed& make_feed);

/// The node's share of the pods' addresses.
inline constexpr const char* kWalkPodCidrs[] = {"10.244.1.0/24", "fd00:10:244:1::/64"};

}  // namespace tierwall::lab

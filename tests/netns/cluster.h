#pragma once
// The ground of the stories about a cluster: an API server with a namespace "app", pods web and api on this node, far
// on another, late that is not there yet, a policy by which web takes from far only; and the daemon that follows it.

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/lab/daemon_process.h"
#include "tests/lab/probe.h"
#include "tests/lab/topology.h"
#include "tests/netns/api_server_on_node.h"

namespace tierwall::lab {

inline constexpr const char* kToken = "secret-token";
extern const char* const kOnlyFar;  ///< the spec of that policy

/// A pod of "app"; without addresses it is pending.
std::string pod_manifest(const std::string& name, const std::string& node, const std::vector<std::string>& addresses);
/// A NetworkPolicy in "app"; `spec` is YAML in flow style.
std::string policy_manifest(const std::string& name, const std::string& spec);

struct ClusterTest : ::testing::Test {
  /// `user`: who the daemon is for the server, as in a kubeconfig.
  explicit ClusterTest(const std::string& user = std::string("token: ") + kToken);

  [[nodiscard]] Probe probe(const std::string& from, const std::string& to,
                            policy::Family family = policy::Family::V4) const;
  void expect(const std::vector<std::pair<Probe, Outcome>>& expectations) const;
  /// Both families: web takes from far, and from nobody else.
  void expect_protected() const;

  void wait_in_sync() const;
  /// In sync, and no policy is in force any more.
  void wait_without_policy() const;
  void wait_degraded() const;
  void wait_generation_after(std::uint64_t before) const;

  Lab lab;
  ApiServerOnNode api;
  fake_api::FakeApiServer& server = api.server;
  Daemon daemon;
};

}  // namespace tierwall::lab

#pragma once
// The stories' common ground: a namespace "app" with pods web, api and db on the node, one pod on another node, a host
// outside, and the daemon with a policy directory that holds nothing but these pods.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/lab/daemon_process.h"
#include "tests/lab/probe.h"
#include "tests/lab/topology.h"

namespace tierwall::lab {

struct Expectation {
  Probe probe;
  Outcome outcome = Outcome::Dropped;
};

inline Expectation allowed(const Probe& probe) {
  return {probe, Outcome::Allowed};
}
inline Expectation dropped(const Probe& probe) {
  return {probe, Outcome::Dropped};
}

struct FirewallTest : ::testing::Test {
  explicit FirewallTest(const DaemonOptions& options = {});

  /// Writes the manifest and waits until the kernel has what follows from it.
  daemon::StatusReport apply(const std::string& name, const std::string& text);
  daemon::StatusReport remove(const std::string& name);

  [[nodiscard]] Probe probe(const std::string& from, const std::string& to, policy::Protocol protocol = policy::kTcp,
                            std::uint16_t port = 80, policy::Family family = policy::Family::V4) const;
  /// A TCP probe to a port nobody listens at: what gets there is refused.
  [[nodiscard]] Probe unheard(const std::string& from, const std::string& to, std::uint16_t port) const;
  /// All at the same time.
  void expect_all(const std::vector<Expectation>& expectations) const;
  void expect(const Probe& probe, Outcome outcome) const { expect_all({{probe, outcome}}); }
  void expect_allowed(const Probe& probe) const { expect(probe, Outcome::Allowed); }
  void expect_dropped(const Probe& probe) const { expect(probe, Outcome::Dropped); }

  /// A program on the node.
  std::string run_on_node(const std::vector<std::string>& words, const std::string& input = {}) const;
  /// `nft WORDS` on the node.
  std::string nft(std::vector<std::string> words, const std::string& input = {}) const;
  /// Our table as nft lists it, but for whose it is.
  [[nodiscard]] std::string table() const;
  /// The same, but for what its counters counted.
  [[nodiscard]] std::string uncounted_table() const;

  Lab lab;
  Daemon daemon;
};

/// A NetworkPolicy in "app"; `spec` is YAML in flow style: "podSelector: {}, policyTypes: [Ingress]".
std::string network_policy(const std::string& name, const std::string& spec);

extern const char* const kDenyAll;      ///< every pod of "app", both directions
extern const char* const kDenyIngress;  ///< pod web, ingress

}  // namespace tierwall::lab

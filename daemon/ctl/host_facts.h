#pragma once
// What of this machine matters to a host firewall and is not tierwalld's own: read from /proc, /sys and /etc.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tierwall::daemon::ctl {

struct HostFacts {
  std::string kernel;                               ///< "6.1.0"; empty: unknown
  std::vector<std::string> bridges;                 ///< names of bridge interfaces
  std::optional<std::string> bridge_nf_call;        ///< net.bridge.bridge-nf-call-iptables; absent: no br_netfilter
  std::optional<std::string> bridge_nf_call6;       ///< the same of IPv6
  std::optional<std::string> ip_forward;            ///< net.ipv4.ip_forward
  std::optional<std::uint64_t> connections;         ///< entries of connection tracking
  std::optional<std::uint64_t> connections_most;    ///< how many there may be
  std::vector<std::string> legacy_tables;           ///< of iptables-legacy: "filter"
  std::vector<std::string> other_firewalls;         ///< running: "firewalld", "ufw"
  std::vector<std::string> cni_plugins;             ///< types of the plugins of the configuration that counts
  bool has_ipvs_services = false;                   ///< kube-proxy in ipvs mode, or a load balancer
  bool clock_is_set = true;                         ///< the kernel knows of a time source
  std::optional<std::uint64_t> state_bytes_free{};  ///< on the file system of the state file
  std::optional<std::string> state_trouble{};       ///< why the state file cannot be read; absent: it can

  friend bool operator==(const HostFacts&, const HostFacts&) = default;
};

/// `root` is put before every path. Whatever cannot be read is absent.
HostFacts read_host_facts(const std::string& root, const std::string& state_file);

}  // namespace tierwall::daemon::ctl

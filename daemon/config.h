#pragma once
// The configuration file as a value: exactly the keys of the contract, each checked. All errors of a file are found in
// one run, and each names its place and key. What this version cannot do is an error where doing without would leave
// the node more open than was asked for, and a remark otherwise.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nft/compile.h"
#include "policy/address.h"
#include "policy/diagnostic.h"
#include "policy/failsafe.h"
#include "policy/ordering.h"
#include "policy/port.h"

namespace tierwall::daemon {

inline constexpr const char* kDefaultConfigFile = "/etc/tierwall/tierwall.toml";
inline constexpr std::size_t kMaxConfigBytes = 256u << 10;
inline constexpr std::size_t kMaxFailsafes = 1000;  ///< in each list

using policy::Failsafe;

/// What happens to a change of policy that would cut a management flow.
enum class GuardMode {
  HoldDirectory,  ///< held if it comes from the policy directory, warned of if it comes from elsewhere
  Hold,           ///< held wherever it comes from
  Warn,
  Off,
};

enum class DenyAction { Drop, Reject };

/// Where the API server is and who we are for it.
struct KubernetesAccess {
  std::string kubeconfig;  ///< a path, or kInCluster: the environment of a pod
  std::string context;     ///< empty: the file's current-context

  friend bool operator==(const KubernetesAccess&, const KubernetesAccess&) = default;
};
inline constexpr const char* kInCluster = "in-cluster";

/// What `tierwalld restore` does without a usable memory: IfHostPolicy closes the node if the memory still says that
/// host endpoint policy had been in force.
enum class RestoreFallback { IfHostPolicy, None, Deny };

/// The bit of packet marks that carries "allowed by untracked or preDNAT policy" from hook to hook.
inline constexpr std::uint32_t kDefaultMark = 0x02000000;

/// The netlink log group of denied packets. Others count from 0, or use a few small numbers.
inline constexpr std::uint16_t kDefaultDropsGroup = 7610;

/// Where metrics are served.
struct MetricsPlace {
  policy::Address address;
  std::uint16_t port = 0;

  friend bool operator==(const MetricsPlace&, const MetricsPlace&) = default;
};
/// "127.0.0.1:9098", "[::1]:9098".
std::string print_place(const MetricsPlace& place);

struct Config {
  std::string node_name;                                            ///< empty: the host name
  std::optional<std::string> directory = "/etc/tierwall/policy.d";  ///< absent: [source.kubernetes] is the only source
  std::optional<KubernetesAccess> kubernetes;
  std::string cni_results = "/var/lib/cni/results";
  std::string state_file = "/var/lib/tierwall/state.db";
  std::string control_socket = "/run/tierwall/control.sock";
  DenyAction deny = DenyAction::Drop;  ///< of host endpoints; pods always drop
  std::uint32_t mark = kDefaultMark;   ///< one bit
  bool host_auto = false;              ///< a host endpoint for this node without anybody writing one
  bool own_table = true;               ///< "auto": the table is ours where the kernel has such
  policy::TieBreak tie_break = policy::TieBreak::Calico332;
  /// Denied packets are told of; per_second 0: they are just dropped.
  nft::DeniedLog drops = {.group = kDefaultDropsGroup, .per_second = 100};
  nft::CompileOptions compile;  ///< node.pod_cidrs, dataplane.unknown_pod and established, host.endpoint_to_host
  std::vector<Failsafe> failsafe_inbound = default_failsafe_inbound();
  std::vector<Failsafe> failsafe_outbound = default_failsafe_outbound();
  std::optional<MetricsPlace> metrics_listen;  ///< absent: nobody is served
  GuardMode guard = GuardMode::HoldDirectory;
  RestoreFallback restore_fallback = RestoreFallback::IfHostPolicy;

  static std::vector<Failsafe> default_failsafe_inbound();
  static std::vector<Failsafe> default_failsafe_outbound();
};

struct ConfigReading {
  Config config;                           ///< of no use unless there are no errors
  std::vector<policy::Diagnostic> errors;  ///< in the order of the file; `field` is the key

  [[nodiscard]] bool ok() const { return errors.empty(); }
};

/// `file` is the name used in errors. The text may be empty: everything has a default.
ConfigReading parse_config(std::string_view text, const std::string& file);
/// Reads the file; one that cannot be read is one error. `may_be_missing`: nobody asked for this file by name, so
/// without it everything has its default.
ConfigReading load_config(const std::string& file, bool may_be_missing);

/// "FILE:LINE:COLUMN: error: KEY: MESSAGE".
std::string print_config_error(const policy::Diagnostic& error);

/// One entry of a failsafe list: "tcp:22", "tcp:10.0.0.0/8:22", "tcp:[fd00::/8]:22", each with "@eth0" if it holds for
/// one interface only.
Result<Failsafe> parse_failsafe(std::string_view text);

/// The name the node goes by when the configuration gives none: the host name in lower case, as the kubelet has it.
std::string host_name();
/// The configured name, or that.
std::string node_name(const Config& config);

}  // namespace tierwall::daemon

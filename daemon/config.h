#pragma once
// The configuration file as a value: exactly the keys of the contract, each checked. All errors of a file are found in
// one run, and each names its place and key. What this version cannot do is an error where doing without would leave
// the node more open than was asked for, and a remark otherwise.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nft/compile.h"
#include "policy/address.h"
#include "policy/diagnostic.h"
#include "policy/port.h"

namespace tierwall::daemon {

inline constexpr const char* kDefaultConfigFile = "/etc/tierwall/tierwall.toml";

/// An always-permitted port of the host: "tcp:22", "tcp:10.0.0.0/8:22", "tcp:[fd00::/8]:22".
struct Failsafe {
  policy::Protocol protocol;
  std::optional<policy::Prefix> nets;  ///< absent: any address
  std::uint16_t port = 0;

  friend bool operator==(const Failsafe&, const Failsafe&) = default;
};

enum class DenyAction { Drop, Reject };

struct Config {
  std::string node_name;  ///< empty: the host name
  std::string directory = "/etc/tierwall/policy.d";
  std::string state_file = "/var/lib/tierwall/state.db";
  std::string control_socket = "/run/tierwall/control.sock";
  DenyAction deny = DenyAction::Drop;
  bool own_table = true;        ///< "auto": owner flags where the kernel has them
  nft::CompileOptions compile;  ///< node.pod_cidrs, dataplane.unknown_pod, host.endpoint_to_host
  std::vector<Failsafe> failsafe_inbound = default_failsafe_inbound();
  std::vector<Failsafe> failsafe_outbound = default_failsafe_outbound();
  std::optional<std::string> metrics_listen;
  /// Written settings that this version accepts without acting on them: "metrics.listen: accepted, but ...".
  std::vector<std::string> remarks;

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

/// One entry of a failsafe list.
Result<Failsafe> parse_failsafe(std::string_view text);

/// The name the node goes by when the configuration gives none: the host name in lower case, as the kubelet has it.
std::string host_name();

}  // namespace tierwall::daemon

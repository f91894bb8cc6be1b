#pragma once
// What beside the policy decides how a table is compiled.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nft/denied_log.h"
#include "policy/failsafe.h"
#include "policy/model.h"

namespace tierwall::nft {

/// How many rules are still written one by one.
struct Flattening {
  std::size_t readable = 8;  ///< a treatment of so many rules stays as it is written; 0: never
  std::size_t apart = 4;     ///< of neighbours with one verdict, so many keep a line each; 0: none

  static constexpr Flattening always() { return {0, 0}; }
  static constexpr Flattening never() { return {static_cast<std::size_t>(-1), static_cast<std::size_t>(-1)}; }

  friend bool operator==(const Flattening&, const Flattening&) = default;
};

struct CompileOptions {
  enum class EndpointToHost { Accept, Return, Drop };
  enum class UnknownPod { Drop, Allow };

  enum class HostDeny { Drop, Reject };
  /// Whether packets of connections that carry kCutBit (nft/cut_bit.h) are dropped.
  enum class Established { Keep, Recheck };

  std::vector<policy::Prefix> pod_cidrs = {};  ///< of this node; empty: unknown_pod has nothing to act on
  UnknownPod unknown_pod = UnknownPod::Drop;
  EndpointToHost endpoint_to_host = EndpointToHost::Accept;
  Established established = Established::Keep;

  Flattening flattening = {};
  std::optional<DeniedLog> denied_log = {};  ///< of pods and host endpoints; absent: denied packets are just dropped

  // Of host endpoints:
  std::string node = {};  ///< whose; empty: of none
  policy::Failsafes failsafes = {};
  HostDeny host_deny = HostDeny::Drop;
  std::uint32_t mark = 0x0200'0000;  ///< one bit of the packet mark that nobody else uses

  friend bool operator==(const CompileOptions&, const CompileOptions&) = default;
};

}  // namespace tierwall::nft

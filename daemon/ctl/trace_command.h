#pragma once
// tierwall trace: real packets of one flow, followed through the kernel.

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/ctl/context.h"
#include "daemon/ctl/node_world.h"
#include "nft/packet_trace.h"

namespace tierwall::daemon::ctl {

struct TraceOptions {
  std::string from = {};
  std::string to = {};
  std::optional<std::string> proto = {};
  std::optional<std::string> dport = {};
  std::optional<std::string> family = {};
  std::string duration = "30s";  ///< of waiting, at most
  std::uint64_t packets = 1;
  NodeDoors doors = {};
  Output output = Output::Text;
};

/// Exit: kOk packets were seen and went through, kDenied one of them was stopped, kBadInput (usage, no permission,
/// somebody else traces), kNotRunning (no such packet came, what became of one is not known, or a pod was named and
/// neither a daemon nor its state knows pods).
int trace_command(const TraceOptions& options, const Context& context);

/// The same, by what traces and with what is known of the node, if anything.
int trace_packets(const TraceOptions& options, const Result<NodeWorld>& world, nft::PacketTrace& trace,
                  const Context& context);

}  // namespace tierwall::daemon::ctl

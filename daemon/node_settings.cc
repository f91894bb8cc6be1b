#include "daemon/node_settings.h"

namespace tierwall::daemon {

NodeSettings node_settings(const Config& config) {
  return {.node = node_name(config),
          .guard = config.guard,
          .failsafes = {.inbound = config.failsafe_inbound, .outbound = config.failsafe_outbound},
          .tie_break = config.tie_break,
          .compile = config.compile};
}

nft::CompileOptions compile_options(const NodeSettings& settings, const policy::Snapshot& world) {
  nft::CompileOptions options = settings.compile;
  options.node = settings.node;
  options.failsafes = settings.failsafes;
  const auto node = world.nodes.find(settings.node);
  if (options.pod_cidrs.empty() && node != world.nodes.end()) options.pod_cidrs = node->second.pod_cidrs;
  return options;
}

}  // namespace tierwall::daemon

#include "daemon/node_settings.h"

#include <utility>

namespace tierwall::daemon {

namespace {

nft::CompileOptions::HostDeny host_deny(DenyAction deny) {
  using HostDeny = nft::CompileOptions::HostDeny;
  return deny == DenyAction::Reject ? HostDeny::Reject : HostDeny::Drop;
}

}  // namespace

NodeSettings node_settings(const Config& config) {
  nft::CompileOptions compile = config.compile;
  compile.host_deny = host_deny(config.deny);
  compile.mark = config.mark;
  return {.node = node_name(config),
          .guard = config.guard,
          .failsafes = {.inbound = config.failsafe_inbound, .outbound = config.failsafe_outbound},
          .tie_break = config.tie_break,
          .compile = std::move(compile)};
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

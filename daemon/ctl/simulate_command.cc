#include "daemon/ctl/simulate_command.h"

#include <ostream>
#include <utility>

#include "daemon/connections/netlink_connections.h"
#include "daemon/ctl/live_connections.h"
#include "daemon/ctl/simulation.h"
#include "daemon/ctl/structured_text.h"
#include "policy/resolve.h"

namespace tierwall::daemon::ctl {

namespace {

constexpr std::string_view kSimulateVerb = "simulate";

int fail(const Context& context, const Error& error, int exit) {
  print_failure(context, kSimulateVerb, error.message);
  return exit;
}

/// One of the two worlds, with all that connections on this node are judged by.
struct Side {
  Side(const policy::Snapshot& snapshot, const NodeFacts& facts)
      : world(snapshot),
        policy(policy::resolve(snapshot, policy::Scope{.node = facts.settings.node}, facts.settings.tie_break)),
        options(compile_options(facts.settings, snapshot)),
        judge(snapshot, judge_options(facts)) {}

  const policy::Snapshot& world;
  policy::NodePolicy policy;
  nft::CompileOptions options;
  ConnectionJudge judge;
};

Result<void> look_at_connections(const Side& before, const Side& after, Simulation& simulation) {
  NetlinkConnections kernel;
  const Result<LiveConnections> live = list_live_connections(kernel);
  if (!live) return live.error();
  Routes routes;
  const auto ask_routes = [&](const policy::Address& address) { return routes.interface_to(address); };
  const daemon::ConnectionJudge former({before.policy, before.options, live->own_addresses, ask_routes});
  const daemon::ConnectionJudge future({after.policy, after.options, live->own_addresses, ask_routes});
  simulate_connections(former, future, live->connections, simulation);
  return {};
}

Result<Simulation> simulate(const NodeWorld& world, const policy::Snapshot& changed) {
  const Side before(world.snapshot(), world.facts);
  const Side after(changed, world.facts);
  Simulation simulation;
  const Result<void> connections = look_at_connections(before, after, simulation);
  if (!connections) return connections.error();
  const auto sockets = list_listening_sockets();
  if (!sockets) return sockets.error();
  const std::vector<Visitor> visitors =
      find_visitors({before.world, before.policy}, {after.world, after.policy}, world.facts.settings.node);
  simulate_sockets(before.judge, after.judge, *sockets, visitors, simulation);
  return simulation;
}

}  // namespace

int simulate_command(const SimulateOptions& options, const Context& context) {
  if (options.change.paths.empty() && options.change.prune.empty()) {
    print_failure(context, kSimulateVerb, "name the manifests with -f PATH");
    return exit_code::kBadInput;
  }
  const Result<NodeWorld> world = read_node_world(options.doors);
  if (!world)
    return fail(context, world.error(),
                world.error().kind == ErrorKind::Unavailable ? exit_code::kNotRunning : exit_code::kBadInput);
  note_absent_daemon(*world, kSimulateVerb, context);
  const Result<ChangedWorld> changed = change_world(world->inventory, options.change);
  if (!changed) return fail(context, changed.error(), exit_code::kBadInput);
  if (!tell_problems(changed->problems, context)) return exit_code::kBadInput;
  for (const std::string& note : changed->notes) print_failure(context, kSimulateVerb, note);
  const Result<Simulation> simulation = simulate(*world, changed->inventory.snapshot());
  if (!simulation) return fail(context, simulation.error(), exit_code::kBadInput);
  if (options.output == Output::Json) {
    context.out << print_structured(to_json(*simulation), Output::Json);
  } else {
    context.out << print_simulation(*simulation, context.color);
  }
  return simulation->cuts() ? exit_code::kWouldCut : exit_code::kOk;
}

}  // namespace tierwall::daemon::ctl

#include "daemon/ctl/describe_command.h"

#include <ostream>

#include <fmt/format.h>

#include "daemon/control/hit_list.h"
#include "daemon/ctl/description.h"
#include "daemon/ctl/terminal.h"
#include "policy/resolve.h"

namespace tierwall::daemon::ctl {

namespace {

constexpr std::string_view kDescribeVerb = "describe";

int fail(const Context& context, const Error& error) {
  print_failure(context, kDescribeVerb, error.message);
  return error.kind == ErrorKind::Unavailable ? exit_code::kNotRunning : exit_code::kDaemonUsage;
}

/// Without a daemon nobody counted; what is described is worth reading nevertheless.
std::vector<HitRow> read_hits(const NodeDoors& doors) {
  const Result<Json> reply = call(doors.socket, "ListHits", Json::object());
  if (!reply || !reply->contains("hits")) return {};
  Result<std::vector<HitRow>> rows = hits_from_json(reply->at("hits"));
  return rows ? *std::move(rows) : std::vector<HitRow>{};
}

}  // namespace

int describe_command(const DescribeOptions& options, const Context& context) {
  if (options.kind.empty() || options.name.empty()) {
    return fail(context, {ErrorKind::Malformed,
                          fmt::format("name what to describe: tierwall describe KIND NAME, where KIND is {}",
                                      join(described_kinds(), ", "))});
  }
  const Result<NodeWorld> world = read_node_world(options.doors);
  if (!world) return fail(context, world.error());
  const NodeSettings& settings = world->facts.settings;
  const policy::NodePolicy policy =
      policy::resolve(world->snapshot(), policy::Scope{.node = settings.node}, settings.tie_break);
  const Result<nft::CompiledTable> table = nft::compile_table(policy, compile_options(settings, world->snapshot()));
  if (!table) return fail(context, table.error());
  const std::vector<HitRow> hits = world->is_running ? read_hits(options.doors) : std::vector<HitRow>{};
  const Result<Description> description =
      describe({world->snapshot(), settings, policy, *table, hits}, options.kind, options.name);
  if (!description) return fail(context, description.error());
  context.out << print_description(*description, options.output);
  return exit_code::kOk;
}

}  // namespace tierwall::daemon::ctl

#include "daemon/ctl/diff_command.h"

#include <algorithm>
#include <map>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "daemon/ctl/history_door.h"
#include "daemon/ctl/policy_difference.h"
#include "daemon/ctl/read_world.h"
#include "daemon/ctl/structured_text.h"
#include "daemon/ctl/terminal.h"
#include "daemon/sources/kubernetes/object_feed.h"
#include "policy/resolve.h"

namespace tierwall::daemon::ctl {

namespace {

constexpr std::string_view kDiffVerb = "diff";
/// All that a state file can hold.
constexpr std::uint64_t kAllGenerations = 100'000;

struct Comparison {
  PolicyDifference difference;
  std::vector<std::string> notes = {};                      ///< to the error stream
  std::optional<std::vector<std::string>> api_server = {};  ///< between generations: what changed there, in words
};

int fail(const Context& context, const Error& error, bool on_node) {
  print_failure(context, kDiffVerb, error.message);
  return on_node && error.kind == ErrorKind::Unavailable ? exit_code::kNotRunning : exit_code::kBadInput;
}

int tell(const Comparison& comparison, const DiffOptions& options, const Context& context) {
  for (const std::string& note : comparison.notes) print_failure(context, kDiffVerb, note);
  const bool api_server_same = !comparison.api_server || comparison.api_server->empty();
  if (options.output == Output::Json) {
    Json json = to_json(comparison.difference);
    if (comparison.api_server) json["api_server"] = *comparison.api_server;
    context.out << print_structured(json, Output::Json);
  } else if (api_server_same || !comparison.difference.empty()) {
    context.out << print_difference(comparison.difference, context.color);
  }
  if (options.output != Output::Json && !api_server_same) {
    context.out << "objects of the API server, as they came:\n";
    for (const std::string& change : *comparison.api_server) context.out << "    " << change << '\n';
  }
  return comparison.difference.empty() && api_server_same ? exit_code::kOk : exit_code::kDiffers;
}

PolicyDifference compare(const policy::Snapshot& before, const policy::Snapshot& after,
                         const std::optional<std::string>& node, policy::TieBreak tie_break) {
  const policy::Scope scope{.node = node};
  const policy::NodePolicy policy_before = policy::resolve(before, scope, tie_break);
  const policy::NodePolicy policy_after = policy::resolve(after, scope, tie_break);
  return compare_worlds({before, policy_before}, {after, policy_after});
}

int compare_manifests(const DiffOptions& options, const Context& context) {
  const std::optional<LoadedWorld> before = read_world(options.base, kDiffVerb, context);
  if (!before) return exit_code::kBadInput;
  const std::optional<LoadedWorld> after = read_world(options.change.paths, kDiffVerb, context);
  if (!after) return exit_code::kBadInput;
  return tell({compare(before->inventory.snapshot(), after->inventory.snapshot(), options.node, options.tie_break)},
              options, context);
}

int compare_with_node(const DiffOptions& options, const Context& context) {
  const Result<NodeWorld> world = read_node_world(options.doors);
  if (!world) return fail(context, world.error(), true);
  note_absent_daemon(*world, kDiffVerb, context);
  Result<ChangedWorld> changed = change_world(world->inventory, options.change);
  if (!changed) return fail(context, changed.error(), false);
  if (!tell_problems(changed->problems, context)) return exit_code::kBadInput;
  const NodeSettings& settings = world->facts.settings;
  Comparison comparison{compare(world->snapshot(), changed->inventory.snapshot(), options.node.value_or(settings.node),
                                settings.tie_break),
                        std::move(changed->notes)};
  return tell(comparison, options, context);
}

// ---- generations -----------------------------------------------------------------------------------------------

ManifestDocuments to_documents(const FileContents& files) {
  ManifestDocuments documents;
  documents.reserve(files.size());
  for (const auto& [name, content] : files) documents.push_back({.name = name, .path = name, .text = content});
  return documents;
}

/// The last word about every object of the API server, from behind the first generation to the last.
Result<std::vector<std::string>> list_api_server_changes(const HistoryDoor& door, std::uint64_t first,
                                                         std::uint64_t last) {
  const auto rows = list_generations(door, kAllGenerations);
  if (!rows) return rows.error();
  std::map<std::string, std::string> changes;  // by object
  std::uint64_t left_out = 0;
  for (auto row = rows->rbegin(); row != rows->rend(); ++row) {
    if (row->generation <= first || row->generation > last) continue;
    left_out += row->changes_left_out;
    for (const HistoryChange& change : row->changes) {
      if (change.source == kKubernetesSource) changes[change.object] = change.change;
    }
  }
  std::vector<std::string> lines;
  lines.reserve(changes.size() + 1);
  for (const auto& [object, change] : changes) lines.push_back(fmt::format("{} {}", change, object));
  if (left_out > 0) lines.push_back(fmt::format("and {} more that were not written down", left_out));
  return lines;
}

Result<Comparison> compare_files(const NodeWorld& world, const HistoryDoor& door, std::uint64_t from,
                                 std::uint64_t to) {
  const auto latest = list_generations(door, 1);
  if (!latest) return latest.error();
  if (latest->empty() || std::max(from, to) > latest->front().generation)
    return Error{ErrorKind::NotFound, fmt::format("generation {} is yet to come", std::max(from, to))};
  const auto files_before = read_files_at(door, from);
  if (!files_before) return files_before.error();
  const auto files_after = read_files_at(door, to);
  if (!files_after) return files_after.error();
  auto api_server = list_api_server_changes(door, std::min(from, to), std::max(from, to));
  if (!api_server) return api_server.error();
  const ChangedWorld before = exchange_directory(world.inventory, to_documents(*files_before));
  const ChangedWorld after = exchange_directory(world.inventory, to_documents(*files_after));
  const NodeSettings& settings = world.facts.settings;
  return Comparison{
      .difference = compare(before.inventory.snapshot(), after.inventory.snapshot(), settings.node, settings.tie_break),
      .api_server = *std::move(api_server)};
}

int compare_generations(const DiffOptions& options, const Context& context) {
  if (options.generations.size() != 2)
    return fail(context, {ErrorKind::Malformed, "name two generations: tierwall diff GENERATION GENERATION"}, false);
  const Result<std::uint64_t> from = parse_generation(options.generations.front());
  if (!from) return fail(context, from.error(), false);
  const Result<std::uint64_t> to = parse_generation(options.generations.back());
  if (!to) return fail(context, to.error(), false);
  const Result<NodeWorld> world = read_node_world(options.doors);
  if (!world) return fail(context, world.error(), true);
  note_absent_daemon(*world, kDiffVerb, context);
  HistoryDoor door{.socket = options.doors.socket};
  if (!options.doors.state.empty()) door.state = options.doors.state;
  const Result<Comparison> comparison = compare_files(*world, door, *from, *to);
  return comparison ? tell(*comparison, options, context) : fail(context, comparison.error(), true);
}

}  // namespace

int diff_command(const DiffOptions& options, const Context& context) {
  if (!options.generations.empty()) return compare_generations(options, context);
  if (options.change.paths.empty() && options.change.prune.empty())
    return fail(context, {ErrorKind::Malformed, "name the manifests with -f PATH, or two generations"}, false);
  const bool changes_directory = !options.change.prune.empty() || !options.change.name.empty();
  if (!options.base.empty() && changes_directory)
    return fail(context, {ErrorKind::Malformed, "--prune and --name are about this node, not about manifests (--base)"},
                false);
  return options.base.empty() ? compare_with_node(options, context) : compare_manifests(options, context);
}

}  // namespace tierwall::daemon::ctl

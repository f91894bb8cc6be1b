#include "daemon/restore.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "daemon/changes/policy_files.h"
#include "daemon/node_settings.h"
#include "daemon/sources/auto_host_endpoint.h"
#include "daemon/sources/manifest_set.h"
#include "daemon/sources/network_interfaces.h"
#include "daemon/sources/policy_directory.h"
#include "nft/diff.h"
#include "nft/fallback.h"
#include "policy/resolve.h"

namespace tierwall::daemon {

namespace {

/// `host_policy`: host endpoint policy had been in force, as far as anybody can say.
RestorePlan without_memory(std::string why, const Config& config, bool complete, bool host_policy) {
  const bool close = config.restore_fallback == RestoreFallback::Deny ||
                     (config.restore_fallback == RestoreFallback::IfHostPolicy && host_policy);
  if (close) {
    return {.table = nft::fallback(config.failsafe_inbound, config.failsafe_outbound),
            .what = why + "; only failsafe ports, replies, neighbour discovery and DHCP pass until tierwalld runs",
            .complete = complete};
  }
  return {.table = std::nullopt, .what = std::move(why), .complete = complete};
}

/// The host endpoint that nobody wrote is not remembered: it is made again.
policy::Inventory take_in(const std::vector<policy::ResourceEvent>& remembered, const NodeSettings& settings,
                          bool host_auto) {
  policy::Inventory inventory;
  for (const policy::ResourceEvent& event : remembered) inventory.apply(event);
  if (!host_auto) return inventory;
  for (const policy::ResourceEvent& event : AutoHostEndpoint().follow(inventory.snapshot(), settings.node)) {
    inventory.apply(event);
  }
  return inventory;
}

bool had_host_policy(const Restored& remembered) {
  const auto fact = remembered.facts.find(kFactHostPolicy);
  return fact != remembered.facts.end() && fact->second == kFactYes;
}

std::string describe(const Restored& remembered, const policy::NodePolicy& policy) {
  const auto objects = std::ranges::count_if(
      remembered.events, [](const policy::ResourceEvent& event) { return event.source != kInterfacesSource; });
  std::string text = fmt::format("policy of generation {}, {} objects", remembered.generation, objects);
  const std::size_t hosts = policy.host_endpoints.size();
  if (hosts > 0) text += fmt::format(", {} host endpoint{} in force", hosts, hosts == 1 ? "" : "s");
  return text;
}

}  // namespace

RestorePlan plan_restore(const Result<Restored>& remembered, const Config& config) {
  if (!remembered) {
    return without_memory("the state cannot be used: " + remembered.error().message, config, false, false);
  }
  const bool host_policy = had_host_policy(*remembered);
  if (remembered->generation == 0) return without_memory("nothing was in force before", config, true, host_policy);
  const NodeSettings settings = node_settings(config);
  const policy::Inventory inventory = take_in(remembered->events, settings, config.host_auto);
  const policy::NodePolicy policy =
      policy::resolve(inventory.snapshot(), policy::Scope{.node = settings.node}, settings.tie_break);
  Result<nft::Ruleset> table = nft::compile(policy, compile_options(settings, inventory.snapshot()));
  if (!table) {
    return without_memory("the remembered policy cannot be compiled: " + table.error().message, config, false,
                          host_policy);
  }
  return {.table = *std::move(table), .what = describe(*remembered, policy), .complete = true};
}

Restored without_change(Restored remembered, const PendingChange& change, const std::string& directory) {
  const DirectoryFiles files(directory);
  ManifestSet former{std::string(kDirectorySource)};
  std::set<std::string> touched;
  std::vector<policy::ResourceEvent> events;
  for (const auto& [name, content] : change.former) {
    const std::string path = files.path_of(name);
    touched.insert(path);
    if (!content) continue;
    for (policy::ResourceEvent& event : former.put(path, decode_manifest(*content, path)))
      events.push_back(std::move(event));
  }
  std::erase_if(remembered.events, [&](const policy::ResourceEvent& event) {
    return event.source == kDirectorySource && touched.contains(event.where.file);
  });
  std::ranges::move(events, std::back_inserter(remembered.events));
  return remembered;
}

Result<void> put_in_force(const nft::Ruleset& table, nft::KernelTables& tables) {
  constexpr int kTries = 3;
  nft::CommitOutcome outcome = tables.commit(nft::rebuild(table));
  // Written once more, the table is right whether it was written before or not.
  for (int i = 1; i < kTries && std::holds_alternative<nft::Unknown>(outcome); ++i) {
    outcome = tables.commit(nft::rebuild(table));
  }
  if (const auto* unknown = std::get_if<nft::Unknown>(&outcome)) {
    return Error{ErrorKind::Unavailable, "whether the kernel took the table is not known: " + unknown->message};
  }
  if (const auto* rejected = std::get_if<nft::Rejected>(&outcome)) {
    return Error{ErrorKind::Unavailable, "the kernel refused the table: " + rejected->message, rejected->errno_value};
  }
  return {};
}

}  // namespace tierwall::daemon

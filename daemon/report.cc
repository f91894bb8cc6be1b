// What the daemon tells about itself: the second half of daemon/wiring.h.

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "daemon/control/utc_time.h"
#include "daemon/wiring.h"
#include "policy/review.h"

namespace tierwall::daemon {

namespace {

std::int64_t to_unix_ms(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

/// Pods exist, and not one of them on this node: most often the node's name is wrong.
bool no_pod_is_here(const policy::Snapshot& snapshot, const std::string& node) {
  return !snapshot.pods.empty() && std::none_of(snapshot.pods.begin(), snapshot.pods.end(),
                                                [&node](const auto& entry) { return entry.second.node == node; });
}

SourceStatus describe(const PolicyDirectory& directory) {
  return {.name = std::string(kDirectorySource),
          .location = directory.path(),
          .in_sync = !directory.failure(),
          .last_read_ms = to_unix_ms(directory.last_read()),
          .files = directory.file_count(),
          .objects = directory.object_count(),
          .failure = directory.failure()};
}

SourceStatus describe(const ClusterConnection& cluster, const std::string& kubeconfig) {
  SourceStatus source{.name = std::string(kKubernetesSource),
                      .location = cluster.server().empty() ? kubeconfig : cluster.server(),
                      .in_sync = cluster.in_sync(),
                      .failure = cluster.failure()};
  for (KindStatus& kind : cluster.status()) {
    source.objects += kind.objects;
    source.last_read_ms = std::max(source.last_read_ms, kind.last_contact_ms);
    source.collections.push_back({.kind = std::move(kind.kind),
                                  .path = std::move(kind.path),
                                  .state = std::move(kind.state),
                                  .objects = kind.objects,
                                  .resource_version = std::move(kind.resource_version),
                                  .last_contact_ms = kind.last_contact_ms,
                                  .failure = std::move(kind.failure)});
  }
  return source;
}

}  // namespace

State Daemon::state() const {
  if (!degraded_reasons().empty()) return State::Degraded;
  return reconciler_.in_sync() && sources_read() ? State::InSync : State::Starting;
}

std::string Daemon::status_line() const {
  const std::vector<std::string> reasons = degraded_reasons();
  if (!reasons.empty()) return fmt::format("degraded: {}", fmt::join(reasons, "; "));
  if (state() == State::Starting) {
    return reconciler_.applied() ? "starting: what was in force before stays until every source was read" : "starting";
  }
  const AppliedStatus applied = summarize(*reconciler_.applied());
  return fmt::format("in sync, endpoints: {}, host endpoints: {}, policies: {}, generation: {}{}", applied.endpoints,
                     applied.host_endpoints, applied.policies, applied.generation,
                     changes_.waiting() ? ", a change waits for its confirmation" : "");
}

std::vector<std::string> Daemon::degraded_reasons() const {
  std::vector<std::string> reasons;
  if (reconciler_.trouble()) reasons.push_back(*reconciler_.trouble());
  for (const CutFlow& cut : guard_.held()) {
    reasons.push_back(print_cut(cut) +
                      ": the change is held, and the former host policy stays; 'tierwall release' lets it through");
  }
  const std::vector<std::string> of_sources = source_failures();
  reasons.insert(reasons.end(), of_sources.begin(), of_sources.end());
  if (!config_errors_.empty()) {
    reasons.push_back(fmt::format("configuration '{}' has {} error{}; the former one stays in force", config_file_.path,
                                  config_errors_.size(), config_errors_.size() == 1 ? "" : "s"));
  }
  if (interfaces_.failure()) {
    reasons.push_back(
        fmt::format("network interfaces: {}; what was known of them counts meanwhile", *interfaces_.failure()));
  }
  if (const auto trouble = defence_.trouble()) reasons.push_back(*trouble);
  if (unseen_bridge_) reasons.push_back(*unseen_bridge_);
  if (control_failure_) reasons.push_back("control socket: " + *control_failure_);
  if (metrics_.failure()) reasons.push_back(*metrics_.failure());
  if (rechecks_.trouble()) reasons.push_back(*rechecks_.trouble());
  if (memory_.trouble()) reasons.push_back("state: " + *memory_.trouble() + "; enforcement goes on without it");
  if (changes_.trouble()) reasons.push_back(*changes_.trouble());
  if (const std::size_t errors = object_errors(); errors > 0) {
    reasons.push_back(fmt::format("{} error{} in objects; the last good version of what they concern stays in force",
                                  errors, errors == 1 ? "" : "s"));
  }
  return reasons;
}

std::vector<std::string> Daemon::source_failures() const {
  const char* meanwhile = reconciler_.applied() ? "what was read before stays in force"
                                                : "nothing is committed, what the kernel holds stays";
  std::vector<std::string> failures;
  if (directory_ && directory_->failure()) {
    failures.push_back(fmt::format("policy directory cannot be read: {}; {}", *directory_->failure(), meanwhile));
  }
  if (!cluster_) return failures;
  if (cluster_->failure()) failures.push_back(fmt::format("API server: {}; {}", *cluster_->failure(), meanwhile));
  // Most often one cause keeps all collections; the list of them has the others.
  const std::vector<std::string> lost = cluster_->lost();
  if (lost.size() == 1) failures.push_back(fmt::format("API server: {}; {}", lost.front(), meanwhile));
  if (lost.size() > 1) {
    failures.push_back(fmt::format("API server: {} collections cannot be followed, the first is {}; {}", lost.size(),
                                   lost.front(), meanwhile));
  }
  return failures;
}

std::vector<policy::Diagnostic> Daemon::object_problems() const {
  std::vector<policy::Diagnostic> problems = inventory_.problems();
  const auto append = [&problems](const std::vector<policy::Diagnostic>& more) {
    problems.insert(problems.end(), more.begin(), more.end());
  };
  if (directory_) append(directory_->problems());
  if (cluster_) append(cluster_->problems());
  return problems;
}

std::size_t Daemon::object_errors() const {
  const std::vector<policy::Diagnostic> problems = object_problems();
  return static_cast<std::size_t>(
      std::count_if(problems.begin(), problems.end(),
                    [](const policy::Diagnostic& problem) { return problem.severity == policy::Severity::Error; }));
}

/// Reviewing asks every selector of every policy, so it is done once per change of the world, not once per question.
const std::vector<policy::Diagnostic>& Daemon::warnings() const {
  if (reviewed_generation_ != inventory_.generation()) {
    warnings_ = policy::review(
        inventory_.snapshot(), [this](const policy::ResourceKey& key) { return inventory_.location(key); },
        config_.tie_break, settings().failsafes);
    reviewed_generation_ = inventory_.generation();
  }
  return warnings_;
}

std::vector<std::string> Daemon::remarks() const {
  std::vector<std::string> remarks;
  remarks.insert(remarks.end(), needs_restart_.begin(), needs_restart_.end());
  if (!control_.group()) {
    remarks.push_back(fmt::format("group '{}' does not exist: only root reaches the control socket", kControlGroup));
  }
  if (drops_.trouble() && config_.drops.per_second > 0) remarks.push_back("drops: " + *drops_.trouble());
  if (drop_memory_.trouble()) remarks.push_back("drops cannot be remembered: " + *drop_memory_.trouble());
  if (const auto& last = rechecks_.last()) {
    remarks.push_back(fmt::format("connections: {} looked at, at {}; {} cut so far", last->looked_at,
                                  print_utc(last->time), rechecks_.cut_so_far()));
  }
  if (hits_.trouble()) remarks.push_back("counters: " + *hits_.trouble());
  if (changes_.rolled_back()) remarks.push_back(*changes_.rolled_back());
  remarks.insert(remarks.end(), state_file_.remarks.begin(), state_file_.remarks.end());
  if (cluster_) {
    const std::vector<std::string> of_cluster = cluster_->remarks();
    remarks.insert(remarks.end(), of_cluster.begin(), of_cluster.end());
  }
  const auto& nodes = inventory_.snapshot().nodes;
  const auto node = nodes.find(node_name(config_));
  if (config_.compile.pod_cidrs.empty() && (node == nodes.end() || node->second.pod_cidrs.empty())) {
    remarks.emplace_back(
        "no pod CIDRs are known (node.pod_cidrs, or the Node object), so dataplane.unknown_pod has nothing to act on");
  }
  if (no_pod_is_here(inventory_.snapshot(), node_name(config_))) {
    remarks.push_back(fmt::format("no pod is on node '{}': is node.name right?", node_name(config_)));
  }
  for (const CutFlow& cut : guard_.warned()) remarks.push_back(print_cut(cut) + " (the change was not held)");
  if (guard_.blind()) remarks.push_back("guard: no management flow can be seen: " + *guard_.blind());
  if (const auto applied = reconciler_.applied()) {
    remarks.insert(remarks.end(), applied->policy.remarks.begin(), applied->policy.remarks.end());
  }
  return remarks;
}

std::vector<SourceStatus> Daemon::source_status() const {
  std::vector<SourceStatus> sources;
  if (directory_) sources.push_back(describe(*directory_));
  if (cluster_) sources.push_back(describe(*cluster_, config_.kubernetes->kubeconfig));
  return sources;
}

std::string Daemon::ownership() const {
  if (!reconciler_.applied()) return {};
  if (reconciler_.table_owner() == nft::TableOwner::Us) return "ours: no other process can flush or edit it";
  return "nobody's: " + why_not_owned_.value_or("not written since the configuration changed");
}

StatusReport Daemon::report() const {
  StatusReport report = report_without_review();
  report.warnings = warnings();
  return report;
}

/// The review of all policies takes long, once per change; who asks every few seconds should not pay for it.
StatusReport Daemon::report_without_review() const {
  StatusReport report{
      .version = TIERWALL_VERSION,
      .node = node_name(config_),
      .state = state(),
      .now_ms = clock_.unix_time().count(),
      .transactions = reconciler_.transactions(),
      .ownership = ownership(),
      .degraded = degraded_reasons(),
      .sources = source_status(),
      .applied = reconciler_.applied() ? std::optional(summarize(*reconciler_.applied())) : std::nullopt,
      .problems = config_errors_,
      .warnings = {},
      .remarks = remarks(),
      .waiting = changes_.waiting()};
  const std::vector<policy::Diagnostic> of_objects = object_problems();
  report.problems.insert(report.problems.end(), of_objects.begin(), of_objects.end());
  std::sort(report.problems.begin(), report.problems.end());
  const std::chrono::milliseconds now = clock_.unix_time();
  for (DropLog::Decider& decider : drops_.log().deciders(now - std::chrono::minutes(1), now)) {
    report.denied.push_back({.by = std::move(decider.words), .packets = decider.packets});
  }
  return report;
}

}  // namespace tierwall::daemon

#include "daemon/applied.h"

namespace tierwall::daemon {

AppliedStatus summarize(const Applied& applied) {
  AppliedStatus status{
      .generation = applied.generation,
      .time_ms = applied.time.count(),
      .duration_us = applied.duration.count(),
      .changes = applied.changes.operations.size(),
      .endpoints = applied.policy.endpoints.size(),
      .host_endpoints = applied.policy.host_endpoints.size(),
      .policies = 0,
      .tiers = applied.policy.tiers.size(),
      .chains = applied.ruleset.chains.size(),
      .rules = 0,
      .sets = applied.ruleset.sets.size(),
      .elements = 0,
  };
  for (const policy::ResolvedTier& tier : applied.policy.tiers) status.policies += tier.policies.size();
  for (const auto& [name, chain] : applied.ruleset.chains) status.rules += chain.rules.size();
  for (const auto& [name, set] : applied.ruleset.sets) status.elements += set.elements.size();
  return status;
}

}  // namespace tierwall::daemon

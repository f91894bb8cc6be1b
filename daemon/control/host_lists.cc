#include "daemon/control/host_lists.h"

#include <algorithm>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

const policy::ResolvedHostEndpoint* find_governing(const policy::NodePolicy& applied, const std::string& name) {
  const auto found = std::ranges::find(applied.host_endpoints, name, &policy::ResolvedHostEndpoint::name);
  return found == applied.host_endpoints.end() ? nullptr : &*found;
}

/// What resolving had to say about this host endpoint.
std::string find_remark(const policy::NodePolicy& applied, const std::string& name) {
  const std::string prefix = "HostEndpoint " + name + ": ";
  for (const std::string& remark : applied.remarks) {
    if (remark.starts_with(prefix)) return remark.substr(prefix.size());
  }
  return "nothing of it is in force yet";
}

std::vector<std::string> governed_interfaces(const policy::ResolvedHostEndpoint& endpoint) {
  if (endpoint.all_interfaces) return {std::string(policy::kAllInterfaces)};
  return endpoint.interfaces;
}

std::vector<ClassRow> list_classes(const policy::NodePolicy& applied, const policy::ResolvedHostEndpoint& endpoint) {
  std::vector<ClassRow> rows;
  for (const std::size_t index : endpoint.treatments) {
    const policy::Treatment& treatment = applied.treatments[index];
    ClassRow row{.policy_class = std::string(policy::print_class(treatment.policy_class)),
                 .direction = std::string(policy::print_direction(treatment.direction)),
                 .policies = {}};
    for (const policy::TierStep& step : treatment.steps) {
      const policy::ResolvedTier& tier = applied.tiers[step.tier];
      for (const std::size_t policy : step.policies) {
        row.policies.push_back(tier.name + "/" + policy::print_key(tier.policies[policy].key));
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Profiles are asked in order, and only one with rules can leave the answer to the next.
std::string describe_without_policy(const policy::Snapshot& snapshot, const policy::HostEndpoint& endpoint) {
  std::vector<std::string> asked;
  for (const std::string& name : endpoint.profiles) {
    if (snapshot.profiles.count(name) > 0) {
      asked.push_back("profile " + name);
      continue;
    }
    asked.push_back(name == policy::kAllowProfile ? "allow" : fmt::format("deny (no profile {})", name));
    break;
  }
  const bool decided = !asked.empty() && !asked.back().starts_with("profile ");
  if (!decided) asked.emplace_back("deny");
  std::string text;
  for (const std::string& step : asked) text += (text.empty() ? "" : ", then ") + step;
  return text;
}

HostEndpointRow describe(const policy::HostEndpoint& endpoint) {
  HostEndpointRow row{.name = endpoint.name, .node = endpoint.node, .interface_name = endpoint.interface_name};
  for (const policy::Address& address : endpoint.expected_addresses) {
    row.expected_addresses.push_back(policy::print_address(address));
  }
  for (const auto& [key, value] : endpoint.labels.entries()) row.labels.push_back(fmt::format("{}={}", key, value));
  row.profiles = endpoint.profiles;
  return row;
}

void append(std::vector<FailsafeRow>& rows, const char* direction, const std::vector<policy::Failsafe>& failsafes) {
  for (const policy::Failsafe& failsafe : failsafes) {
    rows.push_back({.direction = direction,
                    .protocol = policy::print_protocol(failsafe.protocol),
                    .port = failsafe.port,
                    .nets = failsafe.nets ? std::optional(policy::print_prefix(*failsafe.nets)) : std::nullopt,
                    .interface = failsafe.interface.empty() ? std::nullopt : std::optional(failsafe.interface)});
  }
}

}  // namespace

std::vector<HostEndpointRow> list_host_endpoints(const policy::Snapshot& snapshot, const policy::NodePolicy& applied,
                                                 const std::string& node) {
  std::vector<HostEndpointRow> rows;
  for (const auto& [name, endpoint] : snapshot.host_endpoints) {
    HostEndpointRow row = describe(endpoint);
    row.without_policy = describe_without_policy(snapshot, endpoint);
    const policy::ResolvedHostEndpoint* governing = endpoint.node == node ? find_governing(applied, name) : nullptr;
    if (governing != nullptr) {
      row.governed = governed_interfaces(*governing);
      row.classes = list_classes(applied, *governing);
    } else {
      row.why_none = endpoint.node == node ? find_remark(applied, name) : "it is of another node";
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<FailsafeRow> list_failsafes(const std::vector<policy::Failsafe>& inbound,
                                        const std::vector<policy::Failsafe>& outbound) {
  std::vector<FailsafeRow> rows;
  append(rows, "inbound", inbound);
  append(rows, "outbound", outbound);
  return rows;
}

}  // namespace tierwall::daemon

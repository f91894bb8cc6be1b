#include "tests/unit/daemon/sources/summary.h"

#include <fmt/format.h>

#include <vector>

namespace tierwall::daemon {

namespace {

std::string print_nets(const std::vector<policy::Prefix>& nets) {
  std::vector<std::string> texts;
  for (const policy::Prefix& net : nets) texts.push_back(policy::print_prefix(net));
  return fmt::format("{}", fmt::join(texts, ","));
}

std::string print_ports(const policy::PortList& ports) {
  std::vector<std::string> texts;
  for (const policy::PortRange range : ports.ranges) texts.push_back(policy::print_port_range(range));
  texts.insert(texts.end(), ports.names.begin(), ports.names.end());
  return fmt::format("{}", fmt::join(texts, ","));
}

std::string print_peer(const policy::Peer& peer) {
  std::vector<std::string> parts;
  if (peer.selector) parts.push_back(policy::print_selector(*peer.selector));
  if (peer.not_selector) parts.push_back("outside " + policy::print_selector(*peer.not_selector));
  if (peer.service) parts.push_back(fmt::format("service {}/{}", peer.service->ns, peer.service->name));
  if (peer.nodes) parts.push_back("nodes " + policy::print_selector(*peer.nodes));
  if (!peer.nets.empty()) parts.push_back("nets " + print_nets(peer.nets));
  if (!peer.not_nets.empty()) parts.push_back("not nets " + print_nets(peer.not_nets));
  if (!peer.ports.empty()) parts.push_back("ports " + print_ports(peer.ports));
  if (!peer.not_ports.empty()) parts.push_back("not ports " + print_ports(peer.not_ports));
  return fmt::format("{{{}}}", fmt::join(parts, "; "));
}

std::string print_icmp(const policy::Icmp& icmp) {
  std::string text = "icmp type";
  if (icmp.type) text += fmt::format(" {}", *icmp.type);
  return icmp.code ? text + fmt::format("/{}", *icmp.code) : text;
}

std::string print_labels(const policy::Labels& labels) {
  std::vector<std::string> texts;
  for (const policy::Labels::Entry& entry : labels.entries())
    texts.push_back(fmt::format("{}={}", entry.first, entry.second));
  return fmt::format("{}", fmt::join(texts, ","));
}

std::string print_rule(const policy::Rule& rule) {
  std::string text = fmt::format("{}: {}", rule.number, policy::print_action(rule.action));
  if (!rule.understood) text += " (not understood)";
  if (rule.ip_version) text += fmt::format(" IPv{}", static_cast<int>(*rule.ip_version));
  if (rule.protocol) text += " " + policy::print_protocol(*rule.protocol);
  if (rule.not_protocol) text += " not " + policy::print_protocol(*rule.not_protocol);
  if (rule.icmp) text += " " + print_icmp(*rule.icmp);
  if (rule.not_icmp) text += " not " + print_icmp(*rule.not_icmp);
  if (rule.source != policy::Peer{}) text += " from " + print_peer(rule.source);
  if (rule.destination != policy::Peer{}) text += " to " + print_peer(rule.destination);
  if (!rule.annotations.empty()) text += " [" + print_labels(rule.annotations) + "]";
  return text;
}

void add_rules(std::string& text, std::string_view direction, const std::vector<policy::Rule>& rules) {
  for (const policy::Rule& rule : rules) text += fmt::format("\n{} {}", direction, print_rule(rule));
}

std::string_view print_staged(std::optional<policy::StagedAction> staged) {
  if (!staged) return "";
  return *staged == policy::StagedAction::Delete ? "staged deletion, " : "staged, ";
}

struct Summarize {
  std::string operator()(const policy::Namespace& object) const {
    return fmt::format("Namespace {} [{}]", object.name, print_labels(object.labels));
  }
  std::string operator()(const policy::ServiceAccount& object) const {
    return fmt::format("ServiceAccount {}/{} [{}]", object.ns, object.name, print_labels(object.labels));
  }
  std::string operator()(const policy::Pod& object) const {
    std::string text = fmt::format("Pod {}/{} [{}] account {}", object.ns, object.name, print_labels(object.labels),
                                   object.service_account.text());
    if (!object.node.empty()) text += " on " + object.node.text();
    for (const policy::Address& address : object.addresses) text += " " + policy::print_address(address);
    if (object.host_address) text += " host " + policy::print_address(*object.host_address);
    for (const policy::ContainerPort& port : object.ports)
      text += fmt::format(" {}:{}/{}", port.name, policy::print_protocol(port.protocol), port.port);
    return text + (object.is_endpoint() ? "" : ", no endpoint");
  }
  std::string operator()(const policy::PodSandbox& object) const {
    std::string text = fmt::format("PodSandbox {}/{} of {}", object.ns, object.name, object.pod);
    for (const policy::Address& address : object.addresses) text += " " + policy::print_address(address);
    return text;
  }
  std::string operator()(const policy::Node& object) const {
    std::string text = fmt::format("Node {} [{}]", object.name, print_labels(object.labels));
    for (const policy::Address& address : object.addresses) text += " " + policy::print_address(address);
    if (!object.pod_cidrs.empty()) text += " pods " + print_nets(object.pod_cidrs);
    return text;
  }
  std::string operator()(const policy::Service& object) const {
    std::string text = fmt::format("Service {}/{}", object.ns, object.name);
    for (const policy::Address& address : object.cluster_addresses) text += " " + policy::print_address(address);
    return text;
  }
  std::string operator()(const policy::EndpointSlice& object) const {
    std::string text = fmt::format("EndpointSlice {}/{} of {}", object.ns, object.name, object.service);
    for (const policy::Address& address : object.addresses) text += " " + policy::print_address(address);
    for (const policy::EndpointPort& port : object.ports)
      text += fmt::format(" {}/{}", policy::print_protocol(port.protocol), port.port);
    return text;
  }
  std::string operator()(const policy::NetworkInterface& object) const { return "interface " + object.name; }
  std::string operator()(const policy::HostEndpoint& object) const {
    return fmt::format("host endpoint {} of node {}", object.name, object.node);
  }
  std::string operator()(const policy::Tier& object) const {
    return fmt::format("Tier {}, order {}, {}", object.name, object.order ? fmt::format("{}", *object.order) : "none",
                       object.default_action == policy::TierDefault::Pass ? "Pass" : "Deny");
  }
  std::string operator()(const policy::Profile& object) const {
    std::string text = fmt::format("Profile {} [{}]", object.name, print_labels(object.labels_to_apply));
    add_rules(text, "ingress", object.ingress);
    add_rules(text, "egress", object.egress);
    return text;
  }
  std::string operator()(const policy::NetworkSet& object) const {
    std::vector<std::string> ranges;
    for (const policy::AddressRange& range : object.nets.ranges()) ranges.push_back(policy::print_range(range));
    return fmt::format("NetworkSet {}/{} [{}] {}", object.ns, object.name, print_labels(object.labels),
                       fmt::join(ranges, ","));
  }
  std::string operator()(const policy::Policy& object) const {
    const policy::ResourceKey key{object.kind, object.ns, object.name};
    std::string text = fmt::format(
        "{}, {}tier {}, order {},{}{} on {}", policy::print_key(key), print_staged(object.staged), object.tier,
        object.order ? fmt::format("{}", *object.order) : "none", object.applies_to_ingress ? " ingress" : "",
        object.applies_to_egress ? " egress" : "", policy::print_selector(object.subject));
    if (object.stage == policy::Stage::Untracked) text += ", doNotTrack";
    if (object.stage == policy::Stage::PreDnat) text += ", preDNAT";
    if (object.apply_on_forward) text += ", applyOnForward";
    add_rules(text, "ingress", object.ingress);
    add_rules(text, "egress", object.egress);
    return text;
  }
};

std::string print_all(const std::vector<policy::Diagnostic>& problems) {
  std::string text;
  for (const policy::Diagnostic& problem : problems) text += policy::print_diagnostic(problem) + "\n";
  return text;
}

}  // namespace

std::string summarize(const policy::Resource& resource) {
  return std::visit(Summarize{}, resource);
}

std::string decode_one(const std::string& text) {
  const DecodedManifest manifest = decode_manifest(text, "f");
  std::string summary = print_all(manifest.problems);
  for (const DecodedObject& object : manifest.objects) {
    summary += object.resource ? summarize(*object.resource) + "\n" : "nothing of " + object.object + "\n";
    summary += print_all(object.problems);
  }
  return summary;
}

std::string decode_problems(const std::string& text) {
  const DecodedManifest manifest = decode_manifest(text, "f");
  std::string problems = print_all(manifest.problems);
  for (const DecodedObject& object : manifest.objects) problems += print_all(object.problems);
  return problems;
}

}  // namespace tierwall::daemon

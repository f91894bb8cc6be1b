#include "tests/differential/describe_world.h"

#include <sstream>

namespace tierwall::test {

namespace {

using policy::Labels;

/// Words with blanks between them, and nothing for what is absent.
class Line {
 public:
  Line& add(const std::string& word) {
    if (!word.empty()) text_ += (text_.empty() ? "" : " ") + word;
    return *this;
  }
  template <typename T, typename Print>
  Line& list(const std::string& title, const std::vector<T>& items, Print print) {
    if (!items.empty()) add(title);
    for (const T& item : items) add(print(item));
    return *this;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string name_of(const std::string& ns, const std::string& name) {
  return ns.empty() ? name : ns + "/" + name;
}

std::string describe_labels(const Labels& labels) {
  Line line;
  for (const auto& [key, value] : labels.entries()) line.add(key + "=" + value);
  return line.text().empty() ? "" : "{" + line.text() + "}";
}

std::string describe_order(const std::optional<double>& order) {
  std::ostringstream text;
  if (order) text << ", order " << *order;
  return text.str();
}

std::string describe_icmp(const policy::Icmp& icmp) {
  return icmp.type ? std::to_string(*icmp.type) + (icmp.code ? "/" + std::to_string(*icmp.code) : "") : "any";
}

std::string describe_ports(const std::string& title, const policy::PortList& ports) {
  Line line;
  if (!ports.empty()) line.add(title);
  line.list("", ports.ranges, policy::print_port_range);
  line.list("", ports.names, [](const std::string& name) { return name; });
  return line.text();
}

std::string describe_peer(const std::string& title, const policy::Peer& peer) {
  Line line;
  if (peer.selector) line.add("selector " + print_selector(*peer.selector));
  if (peer.not_selector) line.add("notSelector " + print_selector(*peer.not_selector));
  if (peer.service) line.add("service " + name_of(peer.service->ns, peer.service->name));
  if (peer.nodes) line.add("nodes " + print_selector(*peer.nodes));
  line.list("nets", peer.nets, policy::print_prefix).list("notNets", peer.not_nets, policy::print_prefix);
  line.add(describe_ports("ports", peer.ports)).add(describe_ports("notPorts", peer.not_ports));
  return line.text().empty() ? "" : ", " + title + " " + line.text();
}

std::string describe(const policy::Namespace& object) {
  return Line().add("Namespace " + object.name).add(describe_labels(object.labels)).text();
}

std::string describe(const policy::ServiceAccount& object) {
  return Line().add("ServiceAccount " + name_of(object.ns, object.name)).add(describe_labels(object.labels)).text();
}

std::string describe(const policy::Pod& pod) {
  constexpr const char* phases[] = {"pending", "running", "succeeded", "failed", "in an unknown phase"};
  Line line;
  line.add("Pod " + name_of(pod.ns, pod.name)).add("on " + pod.node.text());
  if (pod.phase != policy::PodPhase::Running) line.add(phases[static_cast<std::size_t>(pod.phase)]);
  if (pod.host_network) line.add("in the host's network");
  line.list("", pod.addresses, policy::print_address).add(describe_labels(pod.labels));
  if (pod.service_account != "default") line.add("account " + pod.service_account.text());
  line.list("ports", pod.ports, [](const policy::ContainerPort& port) {
    return port.name + "=" + std::to_string(port.port) + "/" + print_protocol(port.protocol);
  });
  if (pod.created != 0) line.add("created " + std::to_string(pod.created));
  return line.text();
}

std::string describe(const policy::Node& node) {
  return Line()
      .add("Node " + node.name)
      .list("", node.addresses, policy::print_address)
      .add(describe_labels(node.labels))
      .text();
}

std::string describe(const policy::Service& service) {
  return Line()
      .add("Service " + name_of(service.ns, service.name))
      .list("", service.cluster_addresses, policy::print_address)
      .text();
}

std::string describe(const policy::EndpointSlice& slice) {
  const auto print_port = [](const policy::EndpointPort& port) {
    return std::to_string(port.port) + "/" + print_protocol(port.protocol);
  };
  Line line;
  line.add("EndpointSlice " + name_of(slice.ns, slice.name));
  if (!slice.service.empty()) line.add("of service " + slice.service);
  return line.list("", slice.addresses, policy::print_address).list("ports", slice.ports, print_port).text();
}

std::string describe(const policy::Tier& tier) {
  const bool passes = tier.default_action == policy::TierDefault::Pass;
  return "Tier " + tier.name + describe_order(tier.order) + (passes ? ", default Pass" : ", default Deny");
}

std::string describe(const policy::NetworkSet& set) {
  const std::string kind = set.ns.empty() ? "GlobalNetworkSet " : "NetworkSet ";
  return Line()
      .add(kind + name_of(set.ns, set.name))
      .list("", set.nets.ranges(), policy::print_range)
      .add(describe_labels(set.labels))
      .text();
}

template <typename Holder>
std::string describe_rules(const Holder& holder) {
  std::string text;
  for (const policy::Direction direction : policy::kDirections) {
    for (const policy::Rule& rule : holder.rules(direction)) {
      text += "\n  " + std::string(print_direction(direction)) + " " + std::to_string(rule.number) + ": " +
              describe_rule(rule);
    }
  }
  return text;
}

std::string describe(const policy::Profile& profile) {
  return Line().add("Profile " + profile.name).add(describe_labels(profile.labels_to_apply)).text() +
         describe_rules(profile);
}

std::string describe(const policy::Policy& policy) {
  std::string text = print_key(key_of(policy)) + " in tier " + policy.tier + describe_order(policy.order) +
                     ", selects " + print_selector(policy.subject) + ", for" +
                     (policy.applies_to_ingress ? " ingress" : "") + (policy.applies_to_egress ? " egress" : "");
  if (policy.staged) text += *policy.staged == policy::StagedAction::Set ? ", staged: set" : ", staged: delete";
  return text + describe_rules(policy);
}

template <typename Objects>
void append(std::string& text, const Objects& objects) {
  for (const auto& [key, object] : objects) text += describe(object) + "\n";
}

}  // namespace

std::string describe_rule(const policy::Rule& rule) {
  Line line;
  line.add(std::string(print_action(rule.action)));
  if (!rule.understood) line.add("(not understood)");
  if (rule.ip_version) line.add(*rule.ip_version == policy::Family::V4 ? "IPv4" : "IPv6");
  if (rule.protocol) line.add(print_protocol(*rule.protocol));
  if (rule.not_protocol) line.add("not " + print_protocol(*rule.not_protocol));
  if (rule.icmp) line.add("type " + describe_icmp(*rule.icmp));
  if (rule.not_icmp) line.add("not type " + describe_icmp(*rule.not_icmp));
  return line.text() + describe_peer("from", rule.source) + describe_peer("to", rule.destination);
}

std::string describe_world(const policy::Snapshot& world) {
  std::string text;
  append(text, world.namespaces);
  append(text, world.service_accounts);
  append(text, world.nodes);
  append(text, world.pods);
  append(text, world.services);
  append(text, world.endpoint_slices);
  append(text, world.network_sets);
  append(text, world.tiers);
  append(text, world.profiles);
  append(text, world.policies);
  return text;
}

}  // namespace tierwall::test

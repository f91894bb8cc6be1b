#include "tests/lab/topology.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "tests/lab/child_process.h"

namespace tierwall::lab {
namespace {

constexpr const char* kGatewayV4 = "169.254.1.1";
constexpr const char* kGatewayV6 = "fe80::1";

using policy::Address;
using policy::Family;

std::string alone(const Address& address) {
  return policy::print_address(address) + "/" + std::to_string(policy::address_bits(address.family));
}

std::string on_wire(const Address& address) {
  return policy::print_address(address) + (address.family == Family::V4 ? "/24" : "/64");
}

std::string add_address(const std::string& prefix, const std::string& link) {
  const bool v6 = prefix.find(':') != std::string::npos;
  return "address add " + prefix + " dev " + link + (v6 ? " nodad" : "") + "\n";
}

void configure(const NetNamespace& network, const std::string& batch) {
  require_command({.argv = {"ip", "-batch", "-"}, .inside = &network}, batch);
}

// Addresses must be usable at once, errors must not be held back, and echo requests need no privilege.
void prepare(const NetNamespace& network, bool routes_for_others) {
  const std::pair<const char*, const char*> settings[] = {
      {"net.ipv6.conf.all.accept_dad", "0"},
      {"net.ipv6.conf.default.accept_dad", "0"},
      {"net.ipv6.conf.default.dad_transmits", "0"},
      {"net.ipv6.conf.all.accept_ra", "0"},
      {"net.ipv6.conf.default.accept_ra", "0"},
      {"net.ipv4.conf.all.rp_filter", "0"},
      {"net.ipv4.conf.default.rp_filter", "0"},
      {"net.ipv4.icmp_ratelimit", "0"},
      {"net.ipv6.icmp.ratelimit", "0"},
      {"net.ipv4.ping_group_range", "0 2147483647"},
  };
  for (const auto& [name, value] : settings) network.write_sysctl(name, value);
  if (!routes_for_others) return;
  network.write_sysctl("net.ipv4.ip_forward", "1");
  network.write_sysctl("net.ipv6.conf.all.forwarding", "1");
}

std::string pod_batch(const Host& pod) {
  std::string batch = "link set lo up\nlink set eth0 up\n";
  for (const Address& address : pod.addresses) {
    batch += add_address(alone(address), "eth0");
    if (address.family == Family::V4) batch += std::string("route add ") + kGatewayV4 + " dev eth0 scope link\n";
    const char* gateway = address.family == Family::V4 ? kGatewayV4 : kGatewayV6;
    batch += std::string("route add default via ") + gateway + " dev eth0\n";
  }
  return batch;
}

}  // namespace

bool Host::has(Family family) const {
  return std::any_of(addresses.begin(), addresses.end(), [&](const Address& a) { return a.family == family; });
}

const Address& Host::address(Family family) const {
  for (const Address& candidate : addresses)
    if (candidate.family == family) return candidate;
  throw std::logic_error(name + " has no address of this family");
}

Machine make_machine(const std::string& name, const std::vector<std::string>& addresses) {
  Machine machine{name, {}};
  for (const std::string& text : addresses) {
    const Result<Address> address = policy::parse_address(text);
    if (!address) throw std::invalid_argument(address.error().message);
    machine.addresses.push_back(*address);
  }
  return machine;
}

Lab::Lab(const LabPlan& plan) : wire_(NetNamespace::create()) {
  prepare(wire_, false);
  const Host& node = add(make_machine("node", {"192.0.2.1", "2001:db8:2::1"}));
  const Host& outside = add(make_machine("outside", {"192.0.2.100", "2001:db8:2::100"}));
  prepare(node.network, true);
  prepare(outside.network, false);
  if (plan.remote_pods.empty()) {
    lay_wire({&node, &outside});
  } else {
    const Host& second = add(make_machine("node-2", {"192.0.2.2", "2001:db8:2::2"}));
    prepare(second.network, true);
    lay_wire({&node, &outside, &second});
    connect_pods(second, plan.remote_pods);
    route(node, plan.remote_pods, second);
    route(outside, plan.remote_pods, second);
    route(second, plan.pods, node);
  }
  connect_pods(node, plan.pods);
  route(outside, plan.pods, node);
}

const Host& Lab::host(std::string_view name) const {
  for (const Host& candidate : hosts_)
    if (candidate.name == name) return candidate;
  throw std::logic_error("the lab has no host " + std::string(name));
}

Host& Lab::add(const Machine& machine) {
  return hosts_.emplace_back(Host{machine.name, machine.addresses, NetNamespace::create()});
}

void Lab::lay_wire(const std::vector<const Host*>& ends) const {
  std::string batch = "link add wire type bridge mcast_snooping 0\nlink set wire up\n";
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const std::string port = "port" + std::to_string(i);
    batch += "link add " + port + " type veth peer name eth0 netns " + ends[i]->network.path() + "\n";
    batch += "link set " + port + " master wire up\n";
  }
  configure(wire_, batch);
  for (const Host* end : ends) {
    std::string inside = "link set lo up\nlink set eth0 up\n";
    for (const Address& address : end->addresses) inside += add_address(on_wire(address), "eth0");
    configure(end->network, inside);
  }
}

void Lab::connect_pods(const Host& node, const std::vector<Machine>& pods) {
  std::string batch;
  std::vector<const Host*> added;
  for (const Machine& machine : pods) {
    const Host& pod = add(machine);
    prepare(pod.network, false);
    const std::string link = "pod" + std::to_string(added.size());
    batch += "link add " + link + " type veth peer name eth0 netns " + pod.network.path() + "\n";
    batch += "link set " + link + " up\n";
    batch += add_address(std::string(kGatewayV4) + "/32", link) + add_address(std::string(kGatewayV6) + "/64", link);
    for (const Address& address : pod.addresses) {
      batch += "route add " + alone(address) + " dev " + link + " src " +
               policy::print_address(node.address(address.family)) + "\n";
    }
    added.push_back(&pod);
  }
  configure(node.network, batch);
  for (const Host* pod : added) configure(pod->network, pod_batch(*pod));
}

void Lab::route(const Host& from, const std::vector<Machine>& targets, const Host& via) const {
  std::string batch;
  for (const Machine& target : targets) {
    for (const Address& address : target.addresses) {
      batch += "route add " + alone(address) + " via " + policy::print_address(via.address(address.family)) + "\n";
    }
  }
  configure(from.network, batch);
}

}  // namespace tierwall::lab

#include "daemon/sources/network_interfaces.h"

#include <algorithm>
#include <utility>

#include <sys/epoll.h>

#include "daemon/sources/print_json.h"

namespace tierwall::daemon {

namespace {

/// The node's ends of its pods' links; without an address nothing but their name could matter.
constexpr std::string_view kPodLinkKind = "veth";
constexpr std::string_view kBridgeKind = "bridge";
/// kube-proxy gives this one the address of every Service: none of them is an address of the node.
constexpr std::string_view kServiceAddresses = "kube-ipvs0";

/// fe80::/10: every interface has one, and it means nothing beyond the link.
bool is_link_local(const policy::Address& address) {
  return address.family == policy::Family::V6 && address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

policy::ResourceEvent event_of(const policy::NetworkInterface& interface) {
  return {.source = std::string(kInterfacesSource),
          .key = policy::key_of(interface),
          .change = policy::ResourceEvent::Change::Upsert,
          .resource = policy::Resource(interface),
          .where = {},
          .problems = {},
          .document = print_interface(interface),
          .resource_version = {}};
}

policy::ResourceEvent gone(const policy::NetworkInterface& interface) {
  return {.source = std::string(kInterfacesSource),
          .key = policy::key_of(interface),
          .change = policy::ResourceEvent::Change::Gone,
          .resource = std::nullopt,
          .where = {},
          .problems = {},
          .document = {},
          .resource_version = {}};
}

}  // namespace

NetworkInterfaces::NetworkInterfaces(systemd::EventLoop& loop, KernelInterfaces& kernel, Callback on_events)
    : kernel_(kernel),
      on_events_(std::move(on_events)),
      retry_(loop, systemd::Priority::Sources, [this] { list(); }),
      readable_(loop, kernel_.fd(), EPOLLIN, systemd::Priority::Sources, [this](std::uint32_t) { read_notices(); }) {}

void NetworkInterfaces::remember(const std::vector<policy::ResourceEvent>& interfaces) {
  for (const policy::ResourceEvent& event : interfaces) {
    if (!event.resource) continue;
    if (const auto* interface = std::get_if<policy::NetworkInterface>(&*event.resource)) {
      told_[interface->name] = *interface;
    }
  }
}

void NetworkInterfaces::start() {
  list();
}

void NetworkInterfaces::list() {
  Result<std::vector<InterfaceNotice>> found = kernel_.list();
  if (!found) {
    const bool news = failure_ != found.error().message;
    failure_ = found.error().message;
    retry_.start(kRetry);
    if (news) on_events_({});
    return;
  }
  const bool recovered = std::exchange(failure_, std::nullopt).has_value();
  retry_.stop();
  links_.clear();
  apply(*found);
  tell(recovered);
}

void NetworkInterfaces::read_notices() {
  const Result<std::vector<InterfaceNotice>> notices = kernel_.read();
  if (!notices) return list();
  apply(*notices);
  // While there is no list, notices are of interfaces nobody knows.
  if (!failure_) tell(false);
}

void NetworkInterfaces::apply(const std::vector<InterfaceNotice>& notices) {
  for (const InterfaceNotice& notice : notices) {
    std::visit([this](const auto& news) { apply(news); }, notice);
  }
}

void NetworkInterfaces::apply(const LinkNotice& notice) {
  if (notice.gone) {
    links_.erase(notice.index);
    return;
  }
  Link& link = links_[notice.index];
  link.name = notice.name;
  link.kind = notice.kind;
}

void NetworkInterfaces::apply(const AddressNotice& notice) {
  const auto link = links_.find(notice.index);
  if (link == links_.end() || is_link_local(notice.address)) return;
  if (notice.gone) {
    link->second.addresses.erase(notice.address);
  } else {
    link->second.addresses.insert(notice.address);
  }
}

bool NetworkInterfaces::matters(const Link& link) {
  return link.name != kServiceAddresses && (link.kind != kPodLinkKind || !link.addresses.empty());
}

void NetworkInterfaces::tell(bool health_changed) {
  std::map<std::string, policy::NetworkInterface> present;
  for (const auto& [index, link] : links_) {
    if (matters(link)) present[link.name] = {link.name, {link.addresses.begin(), link.addresses.end()}};
  }
  std::vector<policy::ResourceEvent> events;
  for (const auto& [name, interface] : told_) {
    if (present.count(name) == 0) events.push_back(gone(interface));
  }
  for (const auto& [name, interface] : present) {
    const auto known = told_.find(name);
    if (known == told_.end() || known->second != interface) events.push_back(event_of(interface));
  }
  told_ = std::move(present);
  if (!events.empty() || health_changed) on_events_(std::move(events));
}

std::vector<policy::NetworkInterface> NetworkInterfaces::bridges() const {
  std::vector<policy::NetworkInterface> bridges;
  for (const auto& [index, link] : links_) {
    if (link.kind == kBridgeKind) bridges.push_back({link.name, {link.addresses.begin(), link.addresses.end()}});
  }
  return bridges;
}

std::string print_interface(const policy::NetworkInterface& interface) {
  // The kernel takes any bytes for a name.
  const auto is_ascii = [](char letter) { return static_cast<unsigned char>(letter) < 0x80; };
  if (!std::ranges::all_of(interface.name, is_ascii)) return {};
  const auto text = [](std::string value) {
    Node node;
    node.kind = Node::Kind::Scalar;
    node.quoted = true;
    node.text = std::move(value);
    return node;
  };
  Node addresses;
  addresses.kind = Node::Kind::Sequence;
  for (const policy::Address& address : interface.addresses) {
    addresses.items.push_back(text(policy::print_address(address)));
  }
  Node document;
  document.kind = Node::Kind::Map;
  const auto add = [&document](const char* key, Node value) {
    Field& field = document.fields.emplace_back();
    field.key = key;
    field.value = std::move(value);
  };
  add("name", text(interface.name));
  add("addresses", std::move(addresses));
  return print_json(document);
}

Result<policy::NetworkInterface> read_interface(const Node& document, const std::string& name) {
  policy::NetworkInterface device{.name = name};
  const Node* addresses = document.find("addresses");
  if (addresses == nullptr || addresses->kind != Node::Kind::Sequence) return malformed("it has no list of addresses");
  for (const Node& item : addresses->items) {
    const Result<policy::Address> address = policy::parse_address(item.text);
    if (!address) return address.error();
    device.addresses.push_back(*address);
  }
  std::ranges::sort(device.addresses);
  return device;
}

}  // namespace tierwall::daemon

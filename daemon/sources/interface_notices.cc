#include "daemon/sources/interface_notices.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <optional>

#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

namespace tierwall::daemon {

namespace {

const nlattr* find_attribute(const void* start, std::size_t length, std::uint16_t type) {
  const auto* attribute = static_cast<const nlattr*>(start);
  auto left = static_cast<int>(length);
  while (mnl_attr_ok(attribute, left)) {
    if (mnl_attr_get_type(attribute) == type) return attribute;
    left -= static_cast<int>(MNL_ALIGN(attribute->nla_len));
    attribute = mnl_attr_next(attribute);
  }
  return nullptr;
}

/// The fixed part of a message and the attributes behind it; null if the message is too short for it.
template <typename Fixed>
struct Parts {
  const Fixed* fixed = nullptr;
  const void* attributes = nullptr;
  std::size_t length = 0;

  explicit Parts(const nlmsghdr* message) {
    const std::size_t payload = mnl_nlmsg_get_payload_len(message);
    if (payload < MNL_ALIGN(sizeof(Fixed))) return;
    fixed = static_cast<const Fixed*>(mnl_nlmsg_get_payload(message));
    attributes = mnl_nlmsg_get_payload_offset(message, sizeof(Fixed));
    length = payload - MNL_ALIGN(sizeof(Fixed));
  }
  [[nodiscard]] const nlattr* find(std::uint16_t type) const { return find_attribute(attributes, length, type); }
};

/// Text ends at its first zero, or where the attribute does.
std::string text_of(const nlattr* attribute) {
  if (attribute == nullptr) return {};
  const auto* text = static_cast<const char*>(mnl_attr_get_payload(attribute));
  return {text, std::find(text, text + mnl_attr_get_payload_len(attribute), '\0')};
}

std::string kind_of(const nlattr* information) {
  if (information == nullptr) return {};
  return text_of(
      find_attribute(mnl_attr_get_payload(information), mnl_attr_get_payload_len(information), IFLA_INFO_KIND));
}

std::optional<LinkNotice> read_link(const nlmsghdr* message) {
  const Parts<ifinfomsg> parts(message);
  // A bridge speaks of its ports with such messages too: there a port that leaves the bridge is "deleted".
  if (parts.fixed == nullptr || parts.fixed->ifi_family != AF_UNSPEC) return std::nullopt;
  LinkNotice notice{.index = parts.fixed->ifi_index, .gone = message->nlmsg_type == RTM_DELLINK};
  notice.name = text_of(parts.find(IFLA_IFNAME));
  notice.kind = kind_of(parts.find(IFLA_LINKINFO));
  if (notice.index <= 0 || (notice.name.empty() && !notice.gone)) return std::nullopt;
  return notice;
}

std::optional<policy::Address> read_bytes(const nlattr* attribute, policy::Family family) {
  policy::Address address{.family = family};
  const std::size_t length = address.octets().size();
  if (attribute == nullptr || mnl_attr_get_payload_len(attribute) != length) return std::nullopt;
  std::copy_n(static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute)), length, address.bytes.begin());
  return address;
}

std::optional<AddressNotice> read_address(const nlmsghdr* message) {
  const Parts<ifaddrmsg> parts(message);
  if (parts.fixed == nullptr) return std::nullopt;
  const int spoken = parts.fixed->ifa_family;
  if (spoken != AF_INET && spoken != AF_INET6) return std::nullopt;
  // Of a link between two peers IFA_ADDRESS is the other end.
  const nlattr* local = parts.find(IFA_LOCAL);
  const auto address = read_bytes(local != nullptr ? local : parts.find(IFA_ADDRESS),
                                  spoken == AF_INET ? policy::Family::V4 : policy::Family::V6);
  const int index = static_cast<int>(parts.fixed->ifa_index);
  if (!address || index <= 0) return std::nullopt;
  return AddressNotice{.index = index, .gone = message->nlmsg_type == RTM_DELADDR, .address = *address};
}

/// 0 in an error message acknowledges. What ends a list carries the same number where it could not be made.
int read_errno(const nlmsghdr* message) {
  constexpr int kLargestErrno = 4095;
  if (mnl_nlmsg_get_payload_len(message) < sizeof(int)) return 0;
  const int number = *static_cast<const int*>(mnl_nlmsg_get_payload(message));
  return number < -kLargestErrno ? EPROTO : -number;
}

void take(InterfaceNotices& read, const nlmsghdr* message) {
  if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) read.interrupted = true;
  switch (message->nlmsg_type) {
    case NLMSG_DONE:
      read.complete = true;
      read.errno_value = std::max(read.errno_value, read_errno(message));
      return;
    case NLMSG_ERROR:
      read.errno_value = std::max(read.errno_value, read_errno(message));
      return;
    case RTM_NEWLINK:
    case RTM_DELLINK:
      if (auto notice = read_link(message)) read.notices.emplace_back(*std::move(notice));
      return;
    case RTM_NEWADDR:
    case RTM_DELADDR:
      if (const auto notice = read_address(message)) read.notices.emplace_back(*notice);
      return;
    default:
      return;
  }
}

}  // namespace

InterfaceNotices decode_interface_notices(std::span<const std::uint8_t> datagram) {
  InterfaceNotices read;
  const auto* message = reinterpret_cast<const nlmsghdr*>(datagram.data());
  auto left = static_cast<int>(datagram.size());
  // libmnl takes a length beyond 2^31 for a negative one, which fits everywhere and never advances.
  while (mnl_nlmsg_ok(message, left) && message->nlmsg_len <= static_cast<std::uint32_t>(left)) {
    take(read, message);
    message = mnl_nlmsg_next(message, &left);
  }
  return read;
}

}  // namespace tierwall::daemon

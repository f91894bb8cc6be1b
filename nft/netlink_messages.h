#pragma once
// Walking through what the kernel sends, without believing any length in it: messages of a datagram, attributes of a
// message. Internal to the kernel half.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

#include <libmnl/libmnl.h>
#include <linux/netlink.h>

namespace tierwall::nft {

/// Bytes as they were received, aligned as a netlink header is.
using Datagram = std::span<const std::uint8_t>;

/// Calls `visit(message)` for every whole message, until one is cut off or `visit` says false.
template <typename Visit>
void for_each_message(Datagram datagram, Visit visit) {
  const auto* message = reinterpret_cast<const nlmsghdr*>(datagram.data());
  auto left = static_cast<int>(datagram.size());
  // libmnl takes a length beyond 2^31 for a negative one, which fits everywhere and never advances.
  while (mnl_nlmsg_ok(message, left) && message->nlmsg_len <= static_cast<std::uint32_t>(left)) {
    if (!visit(message)) return;
    message = mnl_nlmsg_next(message, &left);
  }
}

/// The bytes behind the first `fixed` ones of a message's payload; empty if it has no more.
inline Datagram payload_behind(const nlmsghdr* message, std::size_t fixed) {
  const std::size_t length = mnl_nlmsg_get_payload_len(message);
  if (length <= MNL_ALIGN(fixed)) return {};
  return {static_cast<const std::uint8_t*>(mnl_nlmsg_get_payload_offset(message, fixed)), length - MNL_ALIGN(fixed)};
}

/// The first attribute among these bytes that fits; null if there is none.
template <typename Predicate>
const nlattr* find_attribute(Datagram bytes, Predicate fits) {
  const auto* attribute = reinterpret_cast<const nlattr*>(bytes.data());
  auto left = static_cast<int>(bytes.size());
  while (mnl_attr_ok(attribute, left)) {
    if (fits(*attribute)) return attribute;
    left -= static_cast<int>(MNL_ALIGN(attribute->nla_len));
    attribute = mnl_attr_next(attribute);
  }
  return nullptr;
}

inline auto has_type(std::uint16_t type) {
  return [type](const nlattr& attribute) { return mnl_attr_get_type(&attribute) == type; };
}

/// Why the kernel refused, from an error message; 0 acknowledges. EPROTO if it says nothing the kernel would say.
inline int refused_errno(const nlmsghdr* message) {
  constexpr int kLargestErrno = 4095;
  if (mnl_nlmsg_get_payload_len(message) < sizeof(int)) return EPROTO;
  const int number = *static_cast<const int*>(mnl_nlmsg_get_payload(message));
  return number > 0 || number < -kLargestErrno ? EPROTO : -number;
}

}  // namespace tierwall::nft

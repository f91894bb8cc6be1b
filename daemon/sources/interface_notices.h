#pragma once
// What the kernel says about network interfaces (rtnetlink), as values. Pure: bytes in, notices out. The only place
// that knows the layout of these messages.

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "policy/address.h"

namespace tierwall::daemon {

struct LinkNotice {
  int index = 0;
  bool gone = false;
  std::string name = {};
  std::string kind = {};  ///< "veth", "bridge", "vlan"; empty: a device

  friend bool operator==(const LinkNotice&, const LinkNotice&) = default;
};

struct AddressNotice {
  int index = 0;  ///< of the interface
  bool gone = false;
  policy::Address address = {};

  friend bool operator==(const AddressNotice&, const AddressNotice&) = default;
};

using InterfaceNotice = std::variant<LinkNotice, AddressNotice>;

/// One datagram.
struct InterfaceNotices {
  std::vector<InterfaceNotice> notices = {};
  bool complete = false;     ///< it ends a list that was asked for
  bool interrupted = false;  ///< something changed while that list was made: it may be of no one moment
  int errno_value = 0;       ///< the kernel refused what was asked for

  friend bool operator==(const InterfaceNotices&, const InterfaceNotices&) = default;
};

/// Messages of other kinds, and those that are cut off, are passed over. The bytes are aligned as a netlink header is.
InterfaceNotices decode_interface_notices(std::span<const std::uint8_t> datagram);

}  // namespace tierwall::daemon

#pragma once
// policy::Address <-> sockaddr.

#include <cstdint>
#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>

#include "policy/address.h"

namespace tierwall::lab {

class SocketAddress {
 public:
  /// Without an address: any of the family.
  SocketAddress(policy::Family family, const policy::Address* address, std::uint16_t port) {
    if (family == policy::Family::V4) {
      sockaddr_in v4{};
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port);
      if (address != nullptr) std::memcpy(&v4.sin_addr, address->bytes.data(), sizeof v4.sin_addr);
      std::memcpy(&storage_, &v4, length_ = sizeof v4);
    } else {
      sockaddr_in6 v6{};
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(port);
      if (address != nullptr) std::memcpy(&v6.sin6_addr, address->bytes.data(), sizeof v6.sin6_addr);
      std::memcpy(&storage_, &v6, length_ = sizeof v6);
    }
  }
  SocketAddress(const policy::Address& address, std::uint16_t port) : SocketAddress(address.family, &address, port) {}

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  [[nodiscard]] socklen_t length() const { return length_; }

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

}  // namespace tierwall::lab

#pragma once
// Who listens on this node: the sockets of this network namespace that wait for somebody to come.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/address.h"
#include "policy/port.h"
#include "policy/result.h"

namespace tierwall::daemon {

struct ListeningSocket {
  policy::Protocol protocol = policy::kTcp;
  std::optional<policy::Address> address = {};  ///< absent: every address of these families
  bool v4 = false;
  bool v6 = false;
  std::uint16_t port = 0;
  std::uint32_t inode = 0;
  std::string program = {};  ///< its process's name; empty: not known

  friend auto operator<=>(const ListeningSocket&, const ListeningSocket&) = default;
};

/// Answers of the kernel to one sock_diag dump. Sockets bound to loopback addresses are left out: nothing comes to them
/// from outside.
std::vector<ListeningSocket> read_listening(policy::Protocol protocol, const std::string& answers);

/// TCP sockets that listen and UDP sockets without a peer, sorted. Programs are found as far as /proc may be read.
/// Denied or Unavailable if the kernel does not answer.
Result<std::vector<ListeningSocket>> list_listening_sockets();

}  // namespace tierwall::daemon

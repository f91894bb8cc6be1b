#pragma once
// The connections the kernel tracks on this node, as a door: those that are there, and the bit that ends one.
// Implementations: NetlinkConnections (the kernel), FakeConnections (tests). Both pass
// tests/unit/daemon/connections/connection_table_test.cc.

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "policy/address.h"
#include "policy/model.h"
#include "policy/port.h"
#include "policy/result.h"

namespace tierwall::daemon {

/// The ends of a connection as one of its directions has them.
struct ConnectionTuple {
  policy::Address source = {};
  policy::Address destination = {};
  std::uint16_t source_port = 0;  ///< 0 where the protocol has no ports; keys of GRE
  std::uint16_t destination_port = 0;

  friend auto operator<=>(const ConnectionTuple&, const ConnectionTuple&) = default;
};

struct TrackedConnection {
  policy::Protocol protocol = policy::kTcp;
  ConnectionTuple original = {};  ///< as the first packet was sent: before any translation
  ConnectionTuple reply = {};     ///< as answers are sent: its source is where the first packet went after DNAT
  policy::Icmp icmp = {};         ///< of ICMP and ICMPv6, original direction
  std::uint16_t icmp_id = 0;      ///< likewise; part of what tells two pings apart
  std::uint16_t zone = 0;  ///< of either direction; 0: the one that packets are in unless somebody says otherwise
  std::uint32_t mark = 0;
  bool expected = false;  ///< the child of another connection, as FTP's data are
  bool over = false;      ///< TCP: both ends are through with it, the kernel only remembers it

  friend bool operator==(const TrackedConnection&, const TrackedConnection&) = default;
};

/// A TCP socket of this node, by its ends.
struct SocketEnds {
  policy::Address local = {};
  policy::Address remote = {};
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;

  friend auto operator<=>(const SocketEnds&, const SocketEnds&) = default;
};

class ConnectionTable {
 public:
  virtual ~ConnectionTable() = default;

  /// Every address of this node's interfaces, those of Services among them where a proxy puts them there.
  virtual Result<std::set<policy::Address>> own_addresses() = 0;
  /// Begins to list the connections of both families; a listing that is under way ends.
  /// Denied: without CAP_NET_ADMIN. Unavailable: the kernel tracks none, or does not answer.
  virtual Result<void> begin_listing() = 0;
  /// The next of them, some hundred at most; absent at the end. Connections that come or go meanwhile may be in it or
  /// not, and one may be in it twice. Busy: some were lost, and listing must begin again.
  virtual Result<std::optional<std::vector<TrackedConnection>>> list_some() = 0;

  /// Sets or clears nft::kCutBit in the connection's mark and leaves the other bits alone. False if the connection is
  /// not there any more. One that took its place meanwhile has the same ends, and is judged as it.
  virtual Result<bool> set_cut(const TrackedConnection& connection, bool cut) = 0;
  /// Ends the TCP connection of a socket of this node; who uses it is told (ECONNABORTED). False if there is no such
  /// connection, or the kernel cannot (CONFIG_INET_DIAG_DESTROY). Sockets that listen are never touched.
  virtual Result<bool> end_socket(const SocketEnds& ends) = 0;
};

}  // namespace tierwall::daemon

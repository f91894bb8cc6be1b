#pragma once
// The management flows the kernel knows of: established TCP connections of this network namespace (sock_diag), and the
// interfaces by which their peers are reached (rtnetlink).

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "daemon/guard/management_flows.h"

namespace tierwall::daemon {

/// One established TCP connection.
struct Connection {
  policy::Address local;
  policy::Address remote;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::uint32_t inode = 0;

  friend auto operator<=>(const Connection&, const Connection&) = default;
};

/// The interface by which the kernel would send to this address; empty: it would not, or gives no answer.
std::string interface_to(const policy::Address& address);

/// What of the connections is worth guarding.
struct Guarded {
  std::string node;
  std::set<std::uint16_t> ports = {22};  ///< of this node: sessions of operators and peers
  std::uint16_t kubelet_port = 10250;    ///< for those this process is connected to: the API server

  friend bool operator==(const Guarded&, const Guarded&) = default;
};

/// Answers of the kernel to one sock_diag dump -> connections; what is malformed or no TCP connection is left out.
/// Addresses of IPv4 peers of IPv6 sockets are IPv4.
std::vector<Connection> read_connections(const std::string& answers);

/// The flows among them. `own` are inodes of this process's sockets. `interface_to` gives the interface by which an
/// address is reached; flows of the node with itself ("lo") and to unreachable addresses are left out.
std::vector<ManagementFlow> select_flows(const std::vector<Connection>& connections, const std::set<std::uint32_t>& own,
                                         const Guarded& guarded,
                                         const std::function<std::string(const policy::Address&)>& interface_to);

class SocketFlows final : public ManagementFlows {
 public:
  explicit SocketFlows(Guarded guarded) : guarded_(std::move(guarded)) {}

  void watch(Guarded guarded) { guarded_ = std::move(guarded); }
  /// Denied or Unavailable if the kernel does not answer.
  Result<std::vector<ManagementFlow>> observe() override;

 private:
  Guarded guarded_;
};

}  // namespace tierwall::daemon

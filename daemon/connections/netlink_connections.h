#pragma once
// The connections of the network namespace this process is in: listed and marked by ctnetlink, sockets ended by
// sock_diag. Sockets to the kernel are open only while a listing is under way.

#include <memory>
#include <vector>

#include "daemon/connections/connection_table.h"

struct mnl_socket;
struct nlmsghdr;

namespace tierwall::daemon {

class NetlinkConnections final : public ConnectionTable {
 public:
  Result<std::set<policy::Address>> own_addresses() override;
  Result<void> begin_listing() override;
  Result<std::optional<std::vector<TrackedConnection>>> list_some() override;
  Result<bool> set_cut(const TrackedConnection& connection, bool cut) override;
  Result<bool> end_socket(const SocketEnds& ends) override;

 private:
  struct SocketCloser {
    void operator()(mnl_socket* socket) const;
  };
  using MnlSocket = std::unique_ptr<mnl_socket, SocketCloser>;
  struct Chunk {
    std::vector<TrackedConnection> connections = {};
    bool last = false;
    bool torn = false;
    int errno_value = 0;
  };

  static Result<MnlSocket> open_socket(int bus);
  static Result<void> open_once(MnlSocket& socket, int bus);
  Result<Chunk> receive();
  static void take(const nlmsghdr& message, Chunk& chunk);
  void close();

  MnlSocket listing_;  // one answer is many messages, so nothing else is asked over it
  MnlSocket changes_;
  MnlSocket sockets_;
  std::vector<char> room_;
  std::uint32_t sequence_ = 0;
  std::uint32_t listing_sequence_ = 0;
  bool torn_ = false;  // the kernel says that what it listed does not fit together
};

}  // namespace tierwall::daemon

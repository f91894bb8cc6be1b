#pragma once
// Connections as the kernel begins to track them: ctnetlink's events. The kernel makes them only while somebody
// listens.

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "daemon/connections/connection_table.h"

struct mnl_socket;

namespace tierwall::daemon {

class NewConnections {
 public:
  /// Of the network namespace this process is in. Denied: without CAP_NET_ADMIN. Unavailable: the kernel has none.
  static Result<NewConnections> open();

  /// Those that began since the last call; waits until there are some, at most this long. Exhausted: before
  /// this call some were lost, because nobody read them in time; call again.
  Result<std::vector<TrackedConnection>> read(std::chrono::milliseconds patience);

 private:
  struct SocketCloser {
    void operator()(mnl_socket* socket) const;
  };
  explicit NewConnections(std::unique_ptr<mnl_socket, SocketCloser> socket) : socket_(std::move(socket)) {}

  std::unique_ptr<mnl_socket, SocketCloser> socket_;
  bool lost_ = false;  // to be told with the next call
};

}  // namespace tierwall::daemon

#pragma once
// New connections of the network namespace this process is in, told by ctnetlink.

#include <memory>
#include <vector>

#include "daemon/connections/connection_events.h"

struct mnl_socket;

namespace tierwall::daemon {

class NetlinkConnectionEvents final : public ConnectionEvents {
  struct SocketCloser {
    void operator()(mnl_socket* socket) const;
  };
  using MnlSocket = std::unique_ptr<mnl_socket, SocketCloser>;

 public:
  /// Unsupported: the kernel tells of no connections (net.netfilter.nf_conntrack_events = 0). Denied: without
  /// CAP_NET_ADMIN. Unavailable: there is no such socket to be had.
  static Result<std::unique_ptr<ConnectionEvents>> open();
  explicit NetlinkConnectionEvents(MnlSocket socket);  ///< see open()
  ~NetlinkConnectionEvents() override = default;
  NetlinkConnectionEvents(const NetlinkConnectionEvents&) = delete;
  NetlinkConnectionEvents& operator=(const NetlinkConnectionEvents&) = delete;

  [[nodiscard]] int fd() const override;
  Result<std::vector<TrackedConnection>> read(std::size_t most) override;
  [[nodiscard]] std::uint64_t lost() const override;

 private:
  MnlSocket socket_;
  std::vector<char> room_;
};

}  // namespace tierwall::daemon

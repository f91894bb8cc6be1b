#pragma once
// KernelInterfaces over NETLINK_ROUTE. Needs no right of its own. Lives on the loop's thread; not copyable.

#include <cstdint>
#include <memory>

#include "daemon/sources/kernel_interfaces.h"

struct mnl_socket;

namespace tierwall::daemon {

class NetlinkInterfaces final : public KernelInterfaces {
  struct SocketCloser {
    void operator()(mnl_socket* socket) const;
  };
  using MnlSocket = std::unique_ptr<mnl_socket, SocketCloser>;

 public:
  /// Listens in the network namespace of the calling thread; list() has to be called there, too.
  static Result<std::unique_ptr<NetlinkInterfaces>> open();
  explicit NetlinkInterfaces(MnlSocket socket);  ///< see open()
  ~NetlinkInterfaces() override = default;
  NetlinkInterfaces(const NetlinkInterfaces&) = delete;
  NetlinkInterfaces& operator=(const NetlinkInterfaces&) = delete;

  [[nodiscard]] int fd() const override;
  Result<std::vector<InterfaceNotice>> list() override;
  Result<std::vector<InterfaceNotice>> read() override;

 private:
  /// Links or addresses; says whether the list is of one moment.
  static Result<bool> ask(std::uint16_t type, std::vector<InterfaceNotice>& found);

  MnlSocket socket_;
};

}  // namespace tierwall::daemon

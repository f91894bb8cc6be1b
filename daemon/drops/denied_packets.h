#pragma once
// Packets that the table denied, as far as it tells of them (nft/denied_log.h). Implementations: NetlinkDeniedPackets
// (the kernel), FakeDeniedPackets (tests).

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daemon/drops/packet_headers.h"
#include "nft/ruleset.h"
#include "policy/result.h"

struct mnl_socket;

namespace tierwall::daemon {

struct DeniedPacket {
  nft::Hook hook = nft::Hook::Forward;
  std::string in_interface;   ///< empty: made by the node itself
  std::string out_interface;  ///< empty: for the node itself, or not known yet
  PacketHeaders headers;

  friend bool operator==(const DeniedPacket&, const DeniedPacket&) = default;
};

class DeniedPackets {
 public:
  virtual ~DeniedPackets() = default;

  /// Readable when read() has something to say. Owned by this object.
  [[nodiscard]] virtual int fd() const = 0;
  /// Those since the last call, oldest first, at most a bounded number; does not block. What cannot be understood is
  /// left out. Exhausted: some were lost; the next call goes on.
  virtual Result<std::vector<DeniedPacket>> read() = 0;
};

/// The netlink log group of a table in the network namespace of the calling thread.
class NetlinkDeniedPackets final : public DeniedPackets {
  struct SocketCloser {
    void operator()(mnl_socket* socket) const;
  };
  using MnlSocket = std::unique_ptr<mnl_socket, SocketCloser>;

 public:
  /// Busy if another process listens to this group; Unsupported if the kernel has no such log; Denied without
  /// CAP_NET_ADMIN.
  static Result<std::unique_ptr<NetlinkDeniedPackets>> open(std::uint16_t group);
  explicit NetlinkDeniedPackets(MnlSocket socket);  ///< see open()
  ~NetlinkDeniedPackets() override = default;
  NetlinkDeniedPackets(const NetlinkDeniedPackets&) = delete;
  NetlinkDeniedPackets& operator=(const NetlinkDeniedPackets&) = delete;

  [[nodiscard]] int fd() const override;
  Result<std::vector<DeniedPacket>> read() override;

 private:
  MnlSocket socket_;
};

}  // namespace tierwall::daemon

#pragma once
// PacketTrace of the kernel, in the network namespace of the calling thread.

#include <cstdint>
#include <memory>
#include <vector>

#include "nft/netlink_tables.h"
#include "nft/packet_trace.h"

namespace tierwall::nft {

class NetlinkTrace final : public PacketTrace {
 public:
  /// Denied without CAP_NET_ADMIN. `queue_bytes`: as many steps may wait to be read; some 500 bytes each.
  static Result<std::unique_ptr<NetlinkTrace>> open(int queue_bytes = 4 << 20);

  Result<void> start(const TracedFlow& flow) override;
  Result<RuleComments> list_comments() override;
  Result<std::vector<TraceStep>> read(std::chrono::milliseconds patience) override;
  [[nodiscard]] bool has_lost() const override { return has_lost_; }

 private:
  struct SocketCloser {
    void operator()(mnl_socket* socket) const;
  };
  using MnlSocket = std::unique_ptr<mnl_socket, SocketCloser>;

  NetlinkTrace(MnlSocket events, MnlSocket questions);

  MnlSocket events_;
  MnlSocket questions_;                   // a dump does not mix with what is listened to
  std::unique_ptr<NetlinkTables> table_;  // as long as it is there packets are traced
  std::vector<std::uint8_t> room_;
  std::uint32_t sequence_ = 0;
  bool has_lost_ = false;
};

}  // namespace tierwall::nft

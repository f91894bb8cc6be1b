#pragma once
// KernelTables over one lasting NETLINK_NETFILTER socket. Lives on the loop's thread; not copyable.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "nft/encode.h"
#include "nft/kernel_tables.h"
#include "policy/result.h"

struct mnl_socket;

namespace tierwall::nft {

class NetlinkTables final : public KernelTables {
  struct SocketCloser {
    void operator()(mnl_socket* socket) const;
  };
  using MnlSocket = std::unique_ptr<mnl_socket, SocketCloser>;

 public:
  /// Opens the socket in the network namespace of the calling thread. Denied without CAP_NET_ADMIN.
  static Result<std::unique_ptr<NetlinkTables>> open();
  explicit NetlinkTables(MnlSocket socket);  ///< see open()
  ~NetlinkTables() override = default;
  NetlinkTables(const NetlinkTables&) = delete;
  NetlinkTables& operator=(const NetlinkTables&) = delete;

  CommitOutcome commit(const ChangeSet& changes) override;
  /// Tells our transactions from those of others in notices of the kernel.
  [[nodiscard]] std::uint32_t port() const;

 private:
  /// 0 or the errno of sendmsg.
  int send(const Batch& batch);
  void make_room(std::size_t bytes);
  CommitOutcome read_answers(const ChangeSet& changes, const Batch& batch);

  MnlSocket socket_;
  std::size_t send_room_ = 0;  ///< what the socket takes in one message, as asked for
  std::uint32_t next_sequence_ = 1;
};

}  // namespace tierwall::nft

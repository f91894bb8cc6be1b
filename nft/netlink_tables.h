#pragma once
// KernelTables over one lasting NETLINK_NETFILTER socket. Lives on the loop's thread; not copyable.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "nft/denied_log.h"
#include "nft/encode.h"
#include "nft/hook_last.h"
#include "nft/kernel_tables.h"
#include "nft/prepare_sets.h"
#include "nft/traced_flow.h"
#include "policy/result.h"

struct mnl_socket;

namespace tierwall::nft {

class NetlinkTables final : public KernelTables {
  struct SocketCloser {
    void operator()(mnl_socket* socket) const;
  };
  using MnlSocket = std::unique_ptr<mnl_socket, SocketCloser>;

 public:
  struct Options {
    std::uint32_t first_sequence = 1;  ///< of messages; they count up, and around
    /// The most room to ask the kernel for, in bytes. For tests of what happens where the kernel gives no more.
    std::size_t most_room = std::numeric_limits<int>::max() / 2;
  };

  /// Opens the socket in the network namespace of the calling thread. Denied without CAP_NET_ADMIN there; where it is
  /// of a user namespace only, the kernel gives less room.
  static Result<std::unique_ptr<NetlinkTables>> open() { return open(Options{}); }
  static Result<std::unique_ptr<NetlinkTables>> open(Options options);
  NetlinkTables(MnlSocket socket, Options options);  ///< see open()
  ~NetlinkTables() override = default;
  NetlinkTables(const NetlinkTables&) = delete;
  NetlinkTables& operator=(const NetlinkTables&) = delete;

  /// No packet passes in between that neither the table before nor the one after lets pass, which takes more than one
  /// transaction where the kernel does not make all of one visible at once:
  ///  - a table that is written anew is doubled by a copy meanwhile (kCopyName): the hooks of the old table and of the
  ///    new one are not exchanged in one moment;
  ///  - new interval sets are made before what leads to them (nft/hook_last.h);
  ///  - what the socket does not take at once is split (nft/prepare_sets.h).
  CommitOutcome commit(const ChangeSet& changes) override;
  /// Makes and removes a table of another name in one transaction, which nobody sees.
  Result<void> can_own() override;
  /// Likewise: can the kernel tell of denied packets? (It may be built without, or a module may be missing.)
  Result<void> can_tell(const DeniedLog& log);
  /// Has packets of this flow traced by a table of its own, which is gone with this object, also when the process dies.
  /// Conflict if somebody does already.
  Result<void> trace(const TracedFlow& flow);
  /// Tells our transactions from those of others in notices of the kernel. Never changes: the socket is never opened
  /// again.
  [[nodiscard]] std::uint32_t port() const;

 private:
  Result<void> may_change();
  Result<Batch> encode_next(const ChangeSet& changes);
  /// 0 or the errno of sendmsg. With one nothing was sent.
  int send(const Batch& batch);
  void make_room(std::size_t bytes);
  [[nodiscard]] std::size_t room() const;
  CommitOutcome exchange(const Batch& batch, const ChangeSet& changes);
  /// 0, or why not; ENOBUFS if the answer was lost. For what is no change of our table.
  int try_out(const Batch& batch, const ChangeSet& changes);
  CommitOutcome commit_one(const ChangeSet& changes);
  CommitOutcome commit_whole(const ChangeSet& changes);
  CommitOutcome commit_hooking_last(const HookedLast& parts);
  CommitOutcome commit_with_copy(const ChangeSet& changes);
  /// In doubt, it is there.
  [[nodiscard]] bool has_table();
  bool make_copy(const ChangeSet& changes);
  bool remove_copy();
  CommitOutcome commit_in_parts(const ChangeSet& changes, std::size_t bytes, int errno_value);
  CommitOutcome undo(const std::vector<std::string>& sets, CommitOutcome why);

  MnlSocket socket_;
  Options options_;
  std::size_t send_room_ = 0;  ///< what the socket takes in one message, as asked for
  std::uint32_t next_sequence_;
};

}  // namespace tierwall::nft

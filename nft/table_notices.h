#pragma once
// Who else wrote to our table. Implementations: NetlinkTableNotices (the kernel), FakeTableNotices (tests). Both pass
// tests/unit/nft/table_notices_contract_test.cc.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "policy/result.h"

struct mnl_socket;

namespace tierwall::nft {

/// One transaction of another netlink socket that touched table inet tierwall. What it left there is not told: a
/// transaction may also put back what was there.
struct ForeignChange {
  std::uint32_t generation = 0;  ///< of the ruleset of the network namespace, after the transaction
  std::uint32_t process = 0;     ///< process id as the first process id namespace counts; it may have ended
  std::string process_name;      ///< at most 15 bytes, chosen by that process

  friend bool operator==(const ForeignChange&, const ForeignChange&) = default;
};

class TableNotices {
 public:
  virtual ~TableNotices() = default;

  /// Readable when read() has something to say. Owned by this object.
  [[nodiscard]] virtual int fd() const = 0;
  /// All changes since the last call, oldest first; does not block. Transactions on other tables and our own are left
  /// out. Exhausted: notices were lost, so the table may have been changed by anyone; the next call goes on.
  virtual Result<std::vector<ForeignChange>> read() = 0;
};

/// A multicast socket of its own, so that answers to commits and notices never share a receive buffer.
class NetlinkTableNotices final : public TableNotices {
  struct SocketCloser {
    void operator()(mnl_socket* socket) const;
  };
  using MnlSocket = std::unique_ptr<mnl_socket, SocketCloser>;

 public:
  static constexpr int kReceiveRoom = 1 << 20;

  /// Listens in the network namespace of the calling thread. `own_port` is the netlink port whose transactions are
  /// ours (NetlinkTables::port()); the kernel filters them, so that a large commit cannot overrun this socket.
  static Result<std::unique_ptr<NetlinkTableNotices>> open(std::uint32_t own_port, int receive_room = kReceiveRoom);
  explicit NetlinkTableNotices(MnlSocket socket);  ///< see open()
  ~NetlinkTableNotices() override = default;
  NetlinkTableNotices(const NetlinkTableNotices&) = delete;
  NetlinkTableNotices& operator=(const NetlinkTableNotices&) = delete;

  [[nodiscard]] int fd() const override;
  Result<std::vector<ForeignChange>> read() override;

 private:
  MnlSocket socket_;
  bool touched_ = false;  ///< the transaction whose end has not come yet changed our table
};

}  // namespace tierwall::nft

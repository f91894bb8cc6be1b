#pragma once
// The door to what the counters of our table have counted. Implementations: NetlinkTableCounters (the kernel),
// FakeKernelTables (tests). Both pass tests/unit/nft/table_counters_contract_test.cc.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "policy/result.h"

struct mnl_socket;

namespace tierwall::nft {

struct CounterReading {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;

  friend bool operator==(const CounterReading&, const CounterReading&) = default;
};

using CounterReadings = std::map<std::string, CounterReading>;  ///< by name of the counter

class TableCounters {
 public:
  virtual ~TableCounters() = default;

  /// What was counted since it was taken last, by the same or another process: reading sets the counters back to zero,
  /// each in one step, so that no packet is lost or counted twice, whatever becomes of the table or of this process in
  /// between. Counters that counted nothing are left out; without the table there are none.
  virtual Result<CounterReadings> take() = 0;
};

/// Over a lasting socket of its own: a dump of many answers does not mix with those to transactions.
class NetlinkTableCounters final : public TableCounters {
  struct SocketCloser {
    void operator()(mnl_socket* socket) const;
  };
  using MnlSocket = std::unique_ptr<mnl_socket, SocketCloser>;

 public:
  /// Opens the socket in the network namespace of the calling thread.
  static Result<std::unique_ptr<NetlinkTableCounters>> open();
  explicit NetlinkTableCounters(MnlSocket socket);  ///< see open()

  /// Denied without CAP_NET_ADMIN; Unavailable when the kernel gives no answer.
  Result<CounterReadings> take() override;

 private:
  Result<void> ask();

  MnlSocket socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace tierwall::nft

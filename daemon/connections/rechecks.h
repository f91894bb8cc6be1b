#pragma once
// When established connections are judged again, and what becomes of them.
//
//   want() ---> due ---step: begin---> listing ---step: some of them, at most kSlice---> ... ---> report
//                ^                        | the kernel fails: back-off                              |
//                +------------------------+-------------- a second look, kSecondLook after want() --+
//
// All state is in the kernel: what policy denies and is not cut gets the bit, what policy allows and is cut loses it.
// So a recheck can be repeated, interrupted and begun again by another process. It owns no timer and never logs: due()
// says when step() wants to be called. Policy may become another one between two steps; the rest is judged by the new
// one, and the want() that came with it has everything judged once more.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/clock.h"
#include "daemon/connections/connection_table.h"
#include "daemon/connections/judge_connection.h"

namespace tierwall::daemon {

/// What is in force, for one step.
struct InForce {
  const policy::NodePolicy& policy;
  const nft::CompileOptions& options;
  std::function<std::string(const policy::Address&)> interface_to;  ///< as of JudgedBy
};

/// What one recheck found and did.
struct RecheckReport {
  std::size_t looked_at = 0;             ///< connections with an endpoint of this node
  std::size_t cut = 0;                   ///< that were not before; those that are over are not counted
  std::size_t released = 0;              ///< that were cut, and are allowed again
  std::vector<std::string> cut_flows;    ///< the first kTold of them, in words, with what denies them
  std::chrono::milliseconds time{0};     ///< of its end, since 1970
  std::chrono::microseconds busy{0};     ///< in step()
  std::chrono::microseconds longest{0};  ///< of one step

  friend bool operator==(const RecheckReport&, const RecheckReport&) = default;
};

/// "cut 2 established connections that policy denies now: FLOW, denied by ...; FLOW, denied by ..."
std::string print_cuts(const RecheckReport& report);

class Rechecks {
 public:
  static constexpr std::chrono::microseconds kSlice = std::chrono::milliseconds(4);
  /// From the end of one to the next; longer after one that took long, so that at most a fifth of the time goes there.
  static constexpr std::chrono::microseconds kApart = std::chrono::milliseconds(200);
  static constexpr int kRestFactor = 4;
  /// A packet may be under way while the table changes, and its connection be entered behind the listing.
  static constexpr std::chrono::microseconds kSecondLook = std::chrono::seconds(1);
  static constexpr std::chrono::microseconds kLastRetry = std::chrono::seconds(30);
  /// A listing that came out incomplete so often in a row is a trouble.
  static constexpr int kPatience = 3;
  static constexpr std::size_t kTold = 5;

  /// Borrows both.
  Rechecks(ConnectionTable& table, const Clock& clock) : table_(table), clock_(clock) {}
  Rechecks(const Rechecks&) = delete;
  Rechecks& operator=(const Rechecks&) = delete;

  /// Policy changed for somebody. Cheap; a thousand calls before the next step cost one recheck, and a second look.
  void want();
  /// Nothing is judged again until somebody wants it.
  void stop();

  /// When step() wants to be called, on the clock's monotonic scale; absent: not before something happens.
  [[nodiscard]] std::optional<std::chrono::microseconds> due() const;
  /// Goes on for at most about kSlice. The report of a recheck that ended with this step.
  std::optional<RecheckReport> step(const InForce& in_force);

  /// Of the last one that came to its end.
  [[nodiscard]] const std::optional<RecheckReport>& last() const { return last_; }
  /// By all of them since stop(), or since the start.
  [[nodiscard]] std::size_t cut_so_far() const { return cut_so_far_; }
  /// Why connections cannot be judged or cut; it is tried again.
  [[nodiscard]] const std::optional<std::string>& trouble() const { return trouble_; }

 private:
  Result<void> ask_kernel();
  Result<bool> go_on(const InForce& in_force, std::chrono::microseconds deadline);
  Result<void> treat(const ConnectionJudge& judge, const TrackedConnection& connection);
  Result<void> cut(const ConnectionJudge& judge, const TrackedConnection& connection,
                   const ConnectionJudgement& judgement);
  Result<void> release(const TrackedConnection& connection);
  void begin();
  RecheckReport finish();
  void fail(const Error& error);
  [[nodiscard]] std::string interface_to(const InForce& in_force, const policy::Address& address);

  ConnectionTable& table_;
  const Clock& clock_;
  bool wanted_ = false;
  std::optional<std::chrono::microseconds> second_look_at_;
  std::chrono::microseconds not_before_{0};
  int failures_ = 0;  // in a row
  std::optional<std::string> trouble_;
  std::optional<RecheckReport> last_;
  std::size_t cut_so_far_ = 0;

  // While one is under way:
  bool running_ = false;
  bool listing_ = false;  // the kernel was asked
  RecheckReport report_;
  std::vector<TrackedConnection> listed_;  // and not judged yet, from next_ on
  std::size_t next_ = 0;
  std::set<policy::Address> own_addresses_;
  std::map<policy::Address, std::string> interfaces_;  // that addresses are reached by
};

}  // namespace tierwall::daemon

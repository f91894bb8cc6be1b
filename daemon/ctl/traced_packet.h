#pragma once
// The way of one packet through the kernel, told in the words of policy where it met our table. Pure.
//
//   app/api -> app/web, tcp 81
//     forward           ask   ingress policy of this node's pods (in by cali1, out by cali2)
//     forward           pass  tier security, GlobalNetworkPolicy guard, rule 2
//     forward           deny  tier default: no rule matched, default Deny
//   => denied by Tierwall: tier default: no rule matched, default Deny

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "daemon/control/status.h"
#include "daemon/drops/drop.h"
#include "nft/trace_messages.h"

namespace tierwall::daemon::ctl {

struct TracedPacket {
  std::vector<nft::TraceStep> steps;  ///< all of one packet, in order; never empty

  friend bool operator==(const TracedPacket&, const TracedPacket&) = default;
};

/// Puts the steps of packets together that our own tracing began. Whether a packet has come to its end cannot be seen
/// unless it is dropped: it counts as through when nothing more is told of it for a while.
class PacketGatherer {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds kQuiet{200};

  void add(std::vector<nft::TraceStep> steps, Time now);
  /// Those that are over, in the order of their beginning.
  std::vector<TracedPacket> take(Time now);
  /// Others have begun and are not over.
  [[nodiscard]] bool has_open() const { return !packets_.empty(); }

 private:
  struct OpenPacket {
    TracedPacket packet;
    Time last_step;
    bool is_over = false;  ///< dropped, or the kernel has used its number for another one
  };
  OpenPacket* find(std::uint32_t number);

  std::vector<OpenPacket> packets_;
};

/// What the words are made with.
struct TraceWords {
  const nft::RuleComments& comments;
  std::function<DropEnd(const policy::Address& address)> name_end;
  std::function<std::string(std::uint32_t index)> name_interface;
  bool steps_lost = false;  ///< of some packet: what became of one that was not seen to be dropped is not known
};

/// Several lines, ended by a newline.
std::string print_packet(const TracedPacket& packet, const TraceWords& words, bool color);
/// Its verdict is "allow" (nothing stopped it), "deny", or "unknown": steps were lost, or a program has it.
Json to_json(const TracedPacket& packet, const TraceWords& words);

}  // namespace tierwall::daemon::ctl

#pragma once
// Many flows at once, judged without waiting for what does not come: the first packet of each is sent as crafted bytes
// from its source and looked for at its destination. Behind them goes a fence, a packet that is always allowed; when it
// is there, everything before it has either arrived or been dropped.
//
// That holds because packets between the lab's namespaces wait in one queue per processor: all are sent from one.

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "policy/evaluate.h"
#include "tests/lab/topology.h"

namespace tierwall::lab {

class PacketExchange {
 public:
  /// Between these hosts, which outlive it and have an address of each family. Nothing may be denied between them yet:
  /// they get to know each other's link addresses here.
  explicit PacketExchange(const std::vector<const Host*>& hosts);

  /// Which flows' packets arrived, in their order. Conntrack sees every packet: of two flows of one connection the
  /// second is a reply.
  ///
  /// *Pre:* every flow's source and destination are addresses of two different hosts.
  std::vector<bool> send(std::span<const policy::Flow> flows);

  [[nodiscard]] bool connects(const policy::Address& source, const policy::Address& destination) const;

 private:
  struct Station {
    const Host* host = nullptr;
    UniqueFd sender_v4, sender_v6;  ///< raw: what is written is the packet
    UniqueFd receiver;              ///< sees everything that comes in, before anything else does
  };

  std::size_t station_of(const policy::Address& address) const;
  void get_acquainted();
  /// Sends and waits for the fences. `arrived` has a place for each flow.
  void send_some(std::span<const policy::Flow> flows, std::size_t first, std::vector<bool>& arrived);
  void transmit(const policy::Flow& flow, std::size_t index);
  void wait_for_fences(std::vector<bool>& arrived);
  void receive(const Station& station, std::vector<bool>& arrived);

  std::vector<Station> stations_;
  std::map<policy::Address, std::size_t> station_by_address_;
  std::unordered_map<std::string, std::size_t> under_way_;  // what is recognised -> index of the flow
  std::size_t fences_missing_ = 0;
  std::uint16_t last_identifier_ = 0;
};

}  // namespace tierwall::lab

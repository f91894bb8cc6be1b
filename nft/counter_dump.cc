#include "nft/counter_dump.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <string>

namespace tierwall::nft {

namespace {

Datagram payload_of(const nlattr* attribute) {
  if (attribute == nullptr) return {};
  return {static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute)), mnl_attr_get_payload_len(attribute)};
}

Datagram find(Datagram bytes, std::uint16_t type) {
  return payload_of(find_attribute(bytes, has_type(type)));
}

/// Numbers of nftables have their highest byte first; 0 if there is none of this size.
template <typename Number>
Number number_in(Datagram bytes) {
  if (bytes.size() != sizeof(Number)) return 0;
  Number number = 0;
  for (const std::uint8_t byte : bytes) number = static_cast<Number>(number << 8 | byte);
  return number;
}

void take_reading(CounterReadings& readings, const nlmsghdr* message) {
  if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWOBJ)) return;
  const Datagram object = payload_behind(message, sizeof(nfgenmsg));
  if (number_in<std::uint32_t>(find(object, NFTA_OBJ_TYPE)) != NFT_OBJECT_COUNTER) return;
  const Datagram name = find(object, NFTA_OBJ_NAME);
  const Datagram data = find(object, NFTA_OBJ_DATA);
  const auto packets = number_in<std::uint64_t>(find(data, NFTA_COUNTER_PACKETS));
  if (name.empty() || packets == 0) return;
  CounterReading& reading = readings[std::string(name.begin(), std::ranges::find(name, std::uint8_t{0}))];
  reading.packets += packets;
  reading.bytes += number_in<std::uint64_t>(find(data, NFTA_COUNTER_BYTES));
}

}  // namespace

CounterDump read_counters(Datagram datagram, std::uint32_t sequence, CounterReadings& readings) {
  CounterDump dump;
  for_each_message(datagram, [&](const nlmsghdr* message) {
    if (message->nlmsg_seq != sequence) return true;
    if (message->nlmsg_type == NLMSG_ERROR) dump.errno_value = refused_errno(message);
    dump.complete = message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR;
    // A dump that a transaction interrupted (NLM_F_DUMP_INTR) may leave some out, and gives them next time.
    if (!dump.complete) take_reading(readings, message);
    return !dump.complete;
  });
  return dump;
}

}  // namespace tierwall::nft

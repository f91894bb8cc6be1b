// The first bytes of a packet that was denied, as anybody on the network may send them.

#include <string>

#include "daemon/drops/packet_headers.h"
#include "tests/fuzz/target.h"

namespace tierwall::fuzz {

void denied_packet(Bytes input) {
  const std::vector<std::uint8_t> packet = aligned_copy(input);
  const auto headers = daemon::read_headers(text_of(packet));
  if (!headers) return;
  require(headers->source.family == headers->destination.family, "both ends are of one family");
  const bool icmp = headers->protocol == policy::kIcmp || headers->protocol == policy::kIcmpv6;
  require(!icmp || (headers->source_port == 0 && headers->destination_port == 0), "ICMP has no ports");
  require(icmp || headers->icmp_type == 0, "only ICMP has a type");
}

}  // namespace tierwall::fuzz

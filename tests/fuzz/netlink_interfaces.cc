// What the kernel says about interfaces, addresses and connections.

#include <string>

#include "daemon/guard/socket_flows.h"
#include "daemon/sources/interface_notices.h"
#include "tests/fuzz/target.h"

namespace tierwall::fuzz {

void netlink_interfaces(Bytes input) {
  static_cast<void>(daemon::read_connections(std::string(text_of(input))));
  const std::vector<std::uint8_t> datagram = aligned_copy(input);
  for (const daemon::InterfaceNotice& notice : daemon::decode_interface_notices(datagram).notices) {
    if (const auto* link = std::get_if<daemon::LinkNotice>(&notice)) {
      require(link->index > 0, "an interface has a number");
      require(link->gone || !link->name.empty(), "an interface that comes has a name");
    } else {
      require(std::get<daemon::AddressNotice>(notice).index > 0, "an address is of an interface");
    }
  }
}

}  // namespace tierwall::fuzz

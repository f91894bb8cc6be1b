// The words of the configuration and of the command line: failsafe ports, addresses, blocks, ports, protocols.

#include "daemon/config.h"
#include "policy/address.h"
#include "policy/port.h"
#include "tests/fuzz/target.h"

namespace tierwall::fuzz {

void failsafe(Bytes input) {
  const std::string_view text = text_of(input);
  if (const auto read = daemon::parse_failsafe(text); read) require(read->port > 0, "a failsafe has a port", text);
  if (const auto address = policy::parse_address(text); address) {
    const std::string printed = policy::print_address(*address);
    require(*policy::parse_address(printed) == *address, "an address is what it is printed as", printed);
  }
  if (const auto prefix = policy::parse_prefix(text); prefix) {
    const std::string printed = policy::print_prefix(*prefix);
    require(*policy::parse_prefix(printed) == *prefix, "a block is what it is printed as", printed);
  }
  if (const auto protocol = policy::parse_protocol(text); protocol) {
    const std::string printed = policy::print_protocol(*protocol);
    require(*policy::parse_protocol(printed) == *protocol, "a protocol is what it is printed as", printed);
  }
}

}  // namespace tierwall::fuzz

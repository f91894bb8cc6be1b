#include "nft/ruleset.h"

namespace tierwall::nft {

Key make_key(const policy::Address& address) {
  const auto octets = address.octets();
  return Key(octets.begin(), octets.end());
}

Key make_key(const policy::Address& address, policy::Protocol protocol, std::uint16_t port) {
  Key key = make_key(address);
  key += {static_cast<char>(protocol.number), 0, 0, 0};
  key += {static_cast<char>(port >> 8), static_cast<char>(port & 0xff), 0, 0};
  return key;
}

Key make_port_key(std::uint16_t port) {
  return {static_cast<char>(port >> 8), static_cast<char>(port & 0xff)};
}

Key make_interface_key(const std::string& name) {
  constexpr std::size_t kLength = 16;  // IFNAMSIZ
  TIERWALL_CHECK(!name.empty() && name.size() < kLength);
  Key key = name;
  key.resize(kLength, '\0');
  return key;
}

}  // namespace tierwall::nft

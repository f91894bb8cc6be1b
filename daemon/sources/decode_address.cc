#include "daemon/sources/decode_address.h"

namespace tierwall::daemon {

std::optional<policy::Address> read_address(const Cursor& at) {
  const auto text = at.text();
  if (!text || text->empty()) return std::nullopt;
  const auto address = policy::parse_address(*text);
  if (!address) {
    at.error(address.error().message);
    return std::nullopt;
  }
  return *address;
}

}  // namespace tierwall::daemon

#include "policy/failsafe.h"

#include <initializer_list>

namespace tierwall::policy {

namespace {

void append(std::vector<Failsafe>& failsafes, Protocol protocol, std::initializer_list<std::uint16_t> ports) {
  for (const std::uint16_t port : ports) {
    failsafes.push_back(Failsafe{.protocol = protocol, .nets = std::nullopt, .port = port});
  }
}

}  // namespace

Failsafes default_failsafes() {
  Failsafes failsafes;
  append(failsafes.inbound, kTcp, {22, 179, 2379, 2380, 5473, 6443, 6666, 6667, 10250});
  append(failsafes.inbound, kUdp, {68});
  append(failsafes.outbound, kTcp, {53, 179, 2379, 2380, 5473, 6443, 6666, 6667});
  append(failsafes.outbound, kUdp, {53, 67});
  return failsafes;
}

}  // namespace tierwall::policy

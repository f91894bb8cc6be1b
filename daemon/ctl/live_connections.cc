#include "daemon/ctl/live_connections.h"

#include <optional>
#include <utility>

#include "daemon/guard/socket_flows.h"

namespace tierwall::daemon::ctl {

namespace {

Result<std::vector<TrackedConnection>> list_once(ConnectionTable& table) {
  if (Result<void> begun = table.begin_listing(); !begun) return begun.error();
  std::vector<TrackedConnection> all;
  for (;;) {
    Result<std::optional<std::vector<TrackedConnection>>> some = table.list_some();
    if (!some) return some.error();
    if (!*some) return all;
    all.insert(all.end(), (*some)->begin(), (*some)->end());
  }
}

}  // namespace

Result<LiveConnections> list_live_connections(ConnectionTable& table) {
  constexpr int kTries = 3;
  Result<std::set<policy::Address>> own_addresses = table.own_addresses();
  if (!own_addresses) return own_addresses.error();
  for (int tries = 1;; ++tries) {
    Result<std::vector<TrackedConnection>> all = list_once(table);
    if (all) return LiveConnections{*std::move(own_addresses), *std::move(all)};
    if (all.error().kind != ErrorKind::Busy || tries == kTries) return all.error().in("tracked connections");
  }
}

const std::string& Routes::interface_to(const policy::Address& address) {
  const auto [place, is_new] = interfaces_.try_emplace(address);
  if (is_new) place->second = daemon::interface_to(address);
  return place->second;
}

}  // namespace tierwall::daemon::ctl

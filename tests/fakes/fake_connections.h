#pragma once
// Tracked connections as a test tells them.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "daemon/connections/connection_table.h"
#include "nft/cut_bit.h"

namespace tierwall::test {

class FakeConnections final : public daemon::ConnectionTable {
 public:
  Result<std::set<policy::Address>> own_addresses() override {
    if (failure) return *failure;
    return own;
  }
  Result<void> begin_listing() override {
    if (failure) return *failure;
    ++listings;
    listed_ = 0;
    return {};
  }
  Result<std::optional<std::vector<daemon::TrackedConnection>>> list_some() override {
    if (failure) return *failure;
    if (on_list) on_list();
    std::vector<daemon::TrackedConnection> some;
    while (listed_ < present.size() && some.size() < per_chunk) some.push_back(present[listed_++]);
    if (some.empty()) return std::optional<std::vector<daemon::TrackedConnection>>();
    return std::optional(std::move(some));
  }
  Result<bool> set_cut(const daemon::TrackedConnection& connection, bool cut) override {
    if (failure) return *failure;
    const auto same = [&](const daemon::TrackedConnection& each) {
      return each.zone == connection.zone && each.protocol == connection.protocol &&
             each.original == connection.original && each.icmp == connection.icmp && each.icmp_id == connection.icmp_id;
    };
    const auto found = std::ranges::find_if(present, same);
    if (found == present.end()) return false;
    found->mark = cut ? found->mark | nft::kCutBit : found->mark & ~nft::kCutBit;
    return true;
  }
  Result<bool> end_socket(const daemon::SocketEnds& ends) override { return sockets.erase(ends) != 0; }

  std::vector<daemon::TrackedConnection> present;
  std::set<policy::Address> own;
  std::set<daemon::SocketEnds> sockets;
  std::size_t per_chunk = 2;
  int listings = 0;               ///< begun so far
  std::function<void()> on_list;  ///< what happens while the kernel lists
  std::optional<Error> failure;

 private:
  std::size_t listed_ = 0;
};

}  // namespace tierwall::test

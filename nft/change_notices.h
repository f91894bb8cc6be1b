#pragma once
// What notices of nftables say about our table. Internal to the kernel half. Pure: bytes in, values out.

#include <vector>

#include "nft/netlink_messages.h"
#include "nft/table_notices.h"

namespace tierwall::nft {

/// Adds the transactions that end in this datagram and touched our table. `touched`: the transaction whose end has not
/// come yet did; kept from one datagram to the next. Messages that are cut off are passed over.
void read_notices(Datagram datagram, bool& touched, std::vector<ForeignChange>& changes);

}  // namespace tierwall::nft

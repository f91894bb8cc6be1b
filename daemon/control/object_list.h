#pragma once
// Everything a node knows, page by page, as it travels to whoever wants to judge with it. The daemon sends documents as
// it remembers them and computes nothing: asking costs the node what reading a page costs, however long the answer is
// thought about.

#include <cstddef>
#include <cstdint>

#include "daemon/control/status.h"
#include "daemon/state/state_store.h"
#include "policy/result.h"

namespace tierwall::daemon {

/// Of one page: so many objects, or fewer where their documents are longer than this.
inline constexpr std::size_t kObjectsPerPage = 500;
inline constexpr std::size_t kPageBytes = 8u << 20;

/// From a place on (0: the first). Errors are the store's.
Result<ObjectPage> read_page(StateStore& store, std::uint64_t from);

/// Boots are left out: who asks wants what counts now. Bytes of a document that are no UTF-8 are replaced on the way.
Json to_json(const ObjectPage& page);
Result<ObjectPage> object_page_from_json(const Json& json);

}  // namespace tierwall::daemon

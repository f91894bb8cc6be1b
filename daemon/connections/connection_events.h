#pragma once
// Connections as they begin, as a door. Whoever holds one makes the kernel tell of every new connection, so it is held
// only while somebody looks. Implementations: NetlinkConnectionEvents (the kernel), FakeConnectionEvents (tests). Both
// pass tests/unit/daemon/connections/connection_events_test.cc.

#include <cstdint>
#include <vector>

#include "daemon/connections/connection_table.h"
#include "policy/result.h"

namespace tierwall::daemon {

class ConnectionEvents {
 public:
  virtual ~ConnectionEvents() = default;

  /// Readable when read() has something to say. Owned by this object.
  [[nodiscard]] virtual int fd() const = 0;
  /// Connections that began since the last call, oldest first, at most about `most` of them; the others come with the
  /// next call. Does not block. What the table denied never became a connection. What cannot be understood is left out.
  virtual Result<std::vector<TrackedConnection>> read(std::size_t most) = 0;
  /// How many were lost in all because nobody read them in time.
  [[nodiscard]] virtual std::uint64_t lost() const = 0;
};

}  // namespace tierwall::daemon

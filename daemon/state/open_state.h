#pragma once
// From a path to a store, whatever is found there. Opening never fails for the caller: enforcement goes on without a
// memory, and the caller shows why there is none.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "daemon/clock.h"
#include "daemon/state/state_store.h"
#include "policy/result.h"

namespace tierwall::daemon {

struct StateOptions {
  std::string path = {};
  std::optional<gid_t> readers = {};  ///< a group that may read the file: 0640 instead of 0600
  StateLimits limits = {};
  /// How long a call may wait for another process. There is one writer, so only its start and its end can be met.
  std::chrono::milliseconds busy_timeout{100};
};

struct OpenedState {
  std::unique_ptr<StateStore> store = {};  ///< never null
  /// What happened to the file that an operator should know: "... was moved to ...: why".
  std::vector<std::string> remarks = {};
  /// Why nothing can be remembered; every change fails with it. What was remembered before is still read where that
  /// is possible; where it is not, reading fails with it too. Opening again later may succeed.
  std::optional<Error> refusal = {};
};

/// For the daemon. A missing file is made. One that is damaged, foreign or of a newer version is moved aside, to
/// PATH.corrupt-SECONDS, and a new one is made. Checks everything that is stored.
OpenedState open_state(const StateOptions& options, const Clock& clock);

/// For others, also while the daemon writes: every change is Denied. Malformed if the file is of another version, or no
/// state; NotFound if it is missing.
Result<std::unique_ptr<StateStore>> open_state_for_reading(const std::string& path);

}  // namespace tierwall::daemon

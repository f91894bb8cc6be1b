#pragma once
// The second opinion of every answer, for commands that tell people.

#include <string_view>

#include "daemon/ctl/context.h"
#include "daemon/ctl/worlds.h"

namespace tierwall::daemon::ctl {

/// Asks the compiled tables, and tells on the error stream what is not as it should be.
void verify_aloud(Worlds& worlds, Answer& answer, const Context& context, std::string_view verb);

}  // namespace tierwall::daemon::ctl

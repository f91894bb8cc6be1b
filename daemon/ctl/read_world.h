#pragma once
// The manifests a verb works on: what -f names, as a world, with what is wrong in them told on the error stream.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/ctl/context.h"
#include "daemon/sources/load_world.h"

namespace tierwall::daemon::ctl {

/// Absent, with the reasons printed, if no path is given, a path cannot be read, or a document cannot be read at all:
/// an answer about half a world would be wrong. Invalid objects are told and then read as closed as they are enforced.
std::optional<LoadedWorld> read_world(const std::vector<std::string>& paths, std::string_view verb,
                                      const Context& context);

}  // namespace tierwall::daemon::ctl

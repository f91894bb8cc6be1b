#include "daemon/ctl/read_world.h"

#include <ostream>
#include <utility>

namespace tierwall::daemon::ctl {

std::optional<LoadedWorld> read_world(const std::vector<std::string>& paths, std::string_view verb,
                                      const Context& context) {
  Result<LoadedWorld> world = load_world(paths);
  if (!world) {
    print_failure(context, verb, world.error().message);
    return std::nullopt;
  }
  for (const policy::Diagnostic& problem : world->problems) {
    if (problem.severity == policy::Severity::Error) context.err << policy::print_diagnostic(problem) << '\n';
  }
  if (!world->readable) {
    print_failure(context, verb, "some manifests cannot be read, so there is no answer");
    return std::nullopt;
  }
  return *std::move(world);
}

}  // namespace tierwall::daemon::ctl

#include "daemon/build_info.h"

#include <fmt/format.h>

#include "daemon/control/control_client.h"
#include "daemon/state/schema.h"

namespace tierwall::daemon {

namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "clang " __clang_version__;
#else
constexpr const char* kCompiler = "GCC " __VERSION__;
#endif

}  // namespace

std::string version_text(const std::string& program) {
  return fmt::format("{} {}\ncommit: {}\nbuilt by: {}\nstate file: schema {}\ncontrol socket: {}", program,
                     TIERWALL_VERSION, TIERWALL_COMMIT, kCompiler, schema_version(), kControlInterface);
}

}  // namespace tierwall::daemon

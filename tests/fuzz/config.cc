// The configuration file: errors with a place, or a configuration that can be used.

#include "daemon/config.h"
#include "tests/fuzz/target.h"

namespace tierwall::fuzz {

void config(Bytes input) {
  const daemon::ConfigReading read = daemon::parse_config(text_of(input), "tierwall.toml");
  for (const policy::Diagnostic& error : read.errors) {
    require(!error.message.empty() && error.where.line > 0, "an error has a place", daemon::print_config_error(error));
  }
  if (!read.ok()) return;
  require(read.config.mark != 0 && (read.config.mark & (read.config.mark - 1)) == 0, "the mark is one bit");
  require(read.config.directory || read.config.kubernetes, "there is a source");
}

}  // namespace tierwall::fuzz

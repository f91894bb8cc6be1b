#pragma once
// The command line of `tierwall`: words to options, options to the verb that answers. No process is needed: streams and
// surroundings are arguments, so that tests run whole command lines.

#include <iosfwd>
#include <string>
#include <vector>

#include "daemon/ctl/context.h"

namespace tierwall::daemon::ctl {

/// Runs one command line (without the program's name) and gives the exit code. No arguments: status.
int run(std::vector<std::string> args, std::istream& in, std::ostream& out, std::ostream& err,
        const Environment& environment);

}  // namespace tierwall::daemon::ctl

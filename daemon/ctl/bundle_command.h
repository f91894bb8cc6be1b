#pragma once
// tierwall bundle: what somebody needs who looks into an error report, in one file.

#include <string>

#include "daemon/ctl/context.h"
#include "daemon/ctl/node_world.h"

namespace tierwall::daemon::ctl {

struct BundleOptions {
  NodeDoors doors = {};
  std::string path = {};  ///< of the archive; empty: tierwall-bundle-NODE-TIME.tar.gz here
  Output output = Output::Text;
};

/// Exit: kOk written, with or without a daemon; kRefused not. What could not be had is named in it.
int bundle_command(const BundleOptions& options, const Context& context);

}  // namespace tierwall::daemon::ctl

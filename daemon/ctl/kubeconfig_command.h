#pragma once
// tierwall kubeconfig: how a node gets its credentials. Everything is read before anything is written, and the file is
// there whole or not at all.

#include <string>

#include "daemon/ctl/context.h"

namespace tierwall::daemon::ctl {

/// Paths, except for `server` and `group`.
struct KubeconfigOptions {
  std::string server;
  std::string ca;
  std::string token;
  std::string certificate;
  std::string key;
  std::string path = "/etc/tierwall/kubeconfig";
  std::string group = "tierwall";
  Output output = Output::Text;
};

/// Exit: kOk, kRefused if the file cannot be written, or kBadInput. Never prints a secret.
int kubeconfig_command(const KubeconfigOptions& options, const Context& context);

}  // namespace tierwall::daemon::ctl

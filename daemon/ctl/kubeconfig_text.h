#pragma once
// A kubeconfig with everything in it: no other file is needed to reach the server. Pure.

#include <string>

#include "daemon/sources/kubernetes/secret.h"
#include "policy/result.h"

namespace tierwall::daemon::ctl {

/// Either `token`, or `certificate` and `key`.
struct NodeCredentials {
  std::string server = {};  ///< "https://10.0.0.1:6443"
  std::string ca = {};      ///< PEM
  Secret token = {};
  std::string certificate = {};  ///< PEM
  Secret key = {};               ///< PEM
};

/// The text, which the daemon's own reader has taken. Malformed, naming `path` and the field, if it does not; no
/// message holds a secret.
Result<Secret> print_kubeconfig(const NodeCredentials& credentials, const std::string& path);

}  // namespace tierwall::daemon::ctl

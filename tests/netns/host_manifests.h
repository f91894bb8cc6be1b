#pragma once
// Manifests and configuration of the node itself, as the stories about host endpoints write them.

#include <string>

namespace tierwall::lab {

extern const char* const kAllowProfile;  ///< for `more`

/// With the label role=node; `more` is YAML in flow style that begins with a comma.
std::string host_endpoint(const std::string& name, const std::string& interface, const std::string& more = "");

/// A GlobalNetworkPolicy for those; `spec` is YAML in flow style.
std::string host_policy(const std::string& name, const std::string& spec);

/// No port is a failsafe but tcp 4001 in (4002 by eth0, 4003 by an interface that is not there) and udp 53 out, so that
/// policy alone decides.
std::string host_config(const std::string& endpoint_to_host = "accept", const std::string& guard = "off");

}  // namespace tierwall::lab

#include "tests/netns/host_manifests.h"

namespace tierwall::lab {

const char* const kAllowProfile = ", profiles: [projectcalico-default-allow]";

std::string host_endpoint(const std::string& name, const std::string& interface, const std::string& more) {
  return "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: " + name +
         ", labels: {role: node}}\nspec: {node: node-1, interfaceName: '" + interface + "'" + more + "}\n";
}

std::string host_policy(const std::string& name, const std::string& spec) {
  return "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: " + name +
         "}\nspec: {selector: role == 'node', " + spec + "}\n";
}

std::string host_config(const std::string& endpoint_to_host, const std::string& guard) {
  return "[host]\nfailsafe_inbound = [\"tcp:4001\", \"tcp:4002@eth0\", \"tcp:4003@eth9\"]\nfailsafe_outbound = "
         "[\"udp:53\"]\nendpoint_to_host = \"" +
         endpoint_to_host + "\"\n[guard]\nmode = \"" + guard + "\"\n";
}

}  // namespace tierwall::lab

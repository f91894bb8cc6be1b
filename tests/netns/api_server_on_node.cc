#include "tests/netns/api_server_on_node.h"

#include "tests/lab/child_process.h"

namespace tierwall::lab {
namespace {

/// The node's loopback interface, where the server is.
const Host& with_loopback(const Host& node) {
  require_command({.argv = {"ip", "link", "set", "lo", "up"}, .inside = &node.network});
  return node;
}

}  // namespace

ApiServerOnNode::ApiServerOnNode(const Host& node)
    : server(with_loopback(node).network.run([] { return fake_api::FakeApiServer::listen_on("127.0.0.1"); }),
             {.server = authority.issue_server(), .client_ca = client_authority.certificate()}) {}

std::string ApiServerOnNode::kubeconfig(const std::string& user) const {
  const std::string encoded = require_command({.argv = {"base64", "-w0"}}, authority.certificate());
  return "apiVersion: v1\nkind: Config\ncurrent-context: lab\nclusters:\n- name: lab\n  cluster:\n    server: " +
         server.url() + "\n    certificate-authority-data: " + encoded + "\nusers:\n- name: tierwall\n  user: {" +
         user + "}\ncontexts:\n- name: lab\n  context: {cluster: lab, user: tierwall}\n";
}

}  // namespace tierwall::lab

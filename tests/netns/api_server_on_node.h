#pragma once
// An API server on the loopback address of a node of the lab, under an authority of its own.

#include <string>

#include "tests/fake_api/fake_api_server.h"
#include "tests/lab/topology.h"

namespace tierwall::lab {

struct ApiServerOnNode {
  explicit ApiServerOnNode(const Host& node);

  /// For a daemon on that node. `user`: who it is, as YAML in flow style, "token: abc".
  [[nodiscard]] std::string kubeconfig(const std::string& user) const;

  fake_api::CertificateAuthority authority;
  fake_api::CertificateAuthority client_authority{"Client CA"};
  fake_api::FakeApiServer server;
};

}  // namespace tierwall::lab

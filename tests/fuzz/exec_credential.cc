// What a program that brings credentials prints.

#include "daemon/sources/kubernetes/exec_credential.h"

#include "tests/fuzz/target.h"

namespace tierwall::fuzz {

void exec_credential(Bytes input) {
  const auto read = daemon::parse_exec_credential(text_of(input), "client.authentication.k8s.io/v1");
  if (!read) return require(read.error().kind == ErrorKind::Malformed, "anything else is malformed");
  require(daemon::is_header_text(read->token.reveal()), "a token fits into a header");
  require(read->client_certificate.empty() == read->client_key.empty(), "a certificate has its key");
  require(!read->token.empty() || !read->client_key.empty(), "there is a credential");
}

}  // namespace tierwall::fuzz

// The cache files of CNI runtimes, which any plugin's version writes.

#include "daemon/sources/cni_results.h"
#include "tests/fuzz/target.h"

namespace tierwall::fuzz {

void cni_result(Bytes input) {
  const auto read = daemon::parse_cni_result(text_of(input), "cbr0-abc-eth0");
  if (!read) return require(read.error().kind == ErrorKind::Malformed, "what is no cache file is malformed");
  if (!*read) return;
  const policy::PodSandbox& sandbox = **read;
  require(!sandbox.ns.empty() && !sandbox.pod.empty(), "a sandbox is of a pod");
}

}  // namespace tierwall::fuzz

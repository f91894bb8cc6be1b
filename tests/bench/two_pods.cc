#include "tests/bench/two_pods.h"

#include <cstdio>
#include <cstdlib>
#include <utility>
#include <variant>

#include "nft/diff.h"

namespace tierwall::bench {

namespace {

policy::Pod pod(const std::string& name, const char* address) {
  policy::Pod made;
  made.ns = "bench";
  made.name = name;
  made.labels.set("app", name);
  made.node = kNode;
  made.addresses = {*policy::parse_address(address)};
  return made;
}

}  // namespace

policy::Snapshot two_pods() {
  policy::Snapshot world;
  world.put(policy::Namespace{"bench", {}});
  world.put(pod("sender", kSender));
  world.put(pod("receiver", kReceiver));
  return world;
}

void add_policy(policy::Snapshot& world, int index, policy::Rule rule) {
  policy::Policy made;
  made.kind = policy::Kind::NetworkPolicy;
  made.ns = "bench";
  made.name = "p" + std::to_string(100'000 + index);
  made.subject = policy::equals("app", "receiver");
  made.applies_to_egress = false;
  made.ingress = {std::move(rule)};
  world.put(made);
}

void commit(nft::KernelTables& tables, const nft::Ruleset& table) {
  const nft::CommitOutcome outcome = tables.commit(nft::rebuild(table));
  if (const auto* rejected = std::get_if<nft::Rejected>(&outcome)) {
    std::fprintf(stderr, "the kernel refused: %s\n", rejected->message.c_str());
    std::exit(1);
  }
}

}  // namespace tierwall::bench

#pragma once
// The language in which tests speak of policy: a world is manifests, a question is one line, and so is its answer.
//
//   const World world = World::of(kTwoPods).with(kDefaultDeny);
//   EXPECT_EQ(world.judge("shop/web -> shop/db tcp 5432"), "deny: egress tier-default default, ingress no-policy");
//
// Every question is put to two judges, the reference evaluator and the compiled table in the simulator; if they do not
// agree the answer begins with "DISAGREEMENT".

#include <string>
#include <string_view>
#include <vector>

#include "policy/diagnostic.h"
#include "policy/evaluate.h"
#include "policy/inventory.h"
#include "policy/node_policy.h"

namespace tierwall::test {

class World {
 public:
  /// Decodes the manifests; problems are kept, not reported.
  static World of(std::string_view manifests);
  /// The same world with these manifests added, as if they stood in a further file.
  [[nodiscard]] World with(std::string_view manifests) const;

  /// "NS/POD -> NS/POD PROTO [PORT]"; an end may also be an address, and icmp takes TYPE[/CODE] as its port.
  [[nodiscard]] std::string judge(std::string_view question) const;

  [[nodiscard]] const policy::Snapshot& snapshot() const { return inventory_.snapshot(); }
  [[nodiscard]] const policy::Inventory& inventory() const { return inventory_; }
  /// Printed problems, one per entry.
  [[nodiscard]] std::vector<std::string> problems() const;

 private:
  policy::Inventory inventory_;
  int files_ = 0;
};

/// One side of an answer: "rule default KubernetesNetworkPolicy shop/web 1", "tier-default default", "no-policy", "-".
std::string print_decision(const std::optional<policy::Decision>& decision);

}  // namespace tierwall::test

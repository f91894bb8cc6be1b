#pragma once
// Policies of every kind, as decoders could have made them: whatever is generated obeys `decodable`.

#include <string>
#include <vector>

#include "policy/model.h"
#include "tests/differential/random_choice.h"

namespace tierwall::test {

/// May a decoder make this rule? Port numbers need a protocol that has ports, a type of ICMP its protocol, a service is
/// a peer of its own. Judges promise nothing about other rules.
bool decodable(const policy::Rule& rule);

class PolicyGenerator {
 public:
  /// Policies go into the tiers "t0" to "tN" (N = `tiers`, which is one too many), built-in tiers and "default".
  PolicyGenerator(RandomChoice& random, int tiers) : random_(random), tiers_(tiers) {}

  /// Names differ by `index`, so that policies are never each other's versions.
  policy::Policy some_policy(int index);
  /// Rules of a Profile.
  std::vector<policy::Rule> profile_rules(policy::Direction direction);

 private:
  policy::Policy calico_policy(policy::Kind kind);
  policy::Policy kubernetes_policy(policy::Kind kind);
  policy::Policy cluster_policy(policy::Kind kind);
  std::string tier_name();
  void choose_directions(policy::Policy& policy);

  using ReadRules = std::vector<policy::Rule> (PolicyGenerator::*)(policy::Direction);
  void fill(policy::Policy& policy, ReadRules rules);
  std::vector<policy::Rule> calico_rules(policy::Direction direction);
  std::vector<policy::Rule> kubernetes_rules(policy::Direction direction);
  std::vector<policy::Rule> cluster_rules(policy::Direction direction);

  policy::Rule calico_rule(policy::Direction direction);
  void choose_protocol(policy::Rule& rule);
  void choose_icmp(policy::Rule& rule);
  policy::Peer calico_peer(const policy::Rule& rule, bool may_name_service, bool is_source);
  policy::PortList some_ports(const policy::Rule& rule);
  policy::Peer cluster_peer(policy::Direction direction);

  RandomChoice& random_;
  int tiers_;
};

}  // namespace tierwall::test

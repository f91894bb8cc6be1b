#pragma once
// Rules of Calico policies and profiles (calico.md 1.8, 1.9, 2.6).

#include <string>
#include <vector>

#include "daemon/sources/decode_reader.h"
#include "policy/model.h"

namespace tierwall::daemon {

/// The rules of one direction as written. A rule in which anything is wrong stays in its place with `understood` false
/// (and Deny, if not even its action is known). A list that cannot be read at all becomes one such Deny.
struct CalicoRules {
  bool written = false;  ///< more than an empty list
  std::vector<policy::Rule> rules;
  std::size_t errors = 0;  ///< inside rules, which close themselves

  friend bool operator==(const CalicoRules&, const CalicoRules&) = default;
};

/// `ns` is the namespace of the policy, empty for cluster-scoped objects.
CalicoRules read_calico_rules(const Cursor& at, const std::string& ns);

/// Selector keys become those under which endpoints inherit the labels of their namespace or service account.
policy::Selector over_namespaces(policy::Selector selector);
policy::Selector over_service_accounts(policy::Selector selector);

}  // namespace tierwall::daemon

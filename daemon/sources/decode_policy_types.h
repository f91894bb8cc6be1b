#pragma once
// spec.types of Calico policies and spec.policyTypes of Kubernetes ones: the same list under two names.

#include "daemon/sources/decode_reader.h"

namespace tierwall::daemon {

struct PolicyTypes {
  bool written = false;  ///< and not empty: both APIs take an empty list for an absent one
  bool ingress = false;
  bool egress = false;

  friend bool operator==(const PolicyTypes&, const PolicyTypes&) = default;
};

/// A direction that cannot be understood may be either: the policy then applies to both.
void read_policy_types(const Cursor& at, PolicyTypes& types);

}  // namespace tierwall::daemon

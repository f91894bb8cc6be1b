#pragma once
// One side of a rule of a Calico policy or profile (calico.md 1.9, 2.6).

#include <string>

#include "daemon/sources/decode_reader.h"
#include "policy/model.h"

namespace tierwall::daemon {

/// Where the side stands, which decides what it means and what may be written there.
struct PeerPlace {
  const std::string& ns;  ///< of the policy, empty for cluster-scoped objects
  policy::Direction direction = policy::Direction::Ingress;
  bool is_source = true;
};

/// A peer that restricts nothing after an error: the rule around it is then not understood.
policy::Peer read_calico_peer(const Cursor& at, const PeerPlace& place);

}  // namespace tierwall::daemon

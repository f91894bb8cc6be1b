#pragma once
// Whom cluster-wide policies are about, and whom their rules name (kubernetes.md 2.1).

#include <optional>

#include "daemon/sources/decode_reader.h"
#include "policy/model.h"

namespace tierwall::daemon {

/// Exactly one of `namespaces` and `pods`: pods only, whatever the selectors say. Absent after an error.
std::optional<policy::Selector> read_cluster_subject(const Cursor& at);

enum class DomainNames {
  Refused,  ///< the schema has them, and a peer that has them is an error
  Unknown,  ///< the schema does not have them
};

/// One peer: the subject's two forms, and in egress rules also nodes and networks. Of use only without an error.
policy::Peer read_cluster_peer(const Cursor& at, policy::Direction direction, DomainNames domain_names);

}  // namespace tierwall::daemon

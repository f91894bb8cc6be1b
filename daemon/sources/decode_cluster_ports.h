#pragma once
// The protocols and ports of rules of cluster-wide policies, as v1alpha2 and v1alpha1 write them
// (kubernetes.md 2.1, 2.2).

#include "daemon/sources/decode_alternatives.h"
#include "daemon/sources/decode_reader.h"

namespace tierwall::daemon {

/// v1alpha2: exactly one of tcp, udp, sctp and destinationNamedPort. Of use only without an error.
WrittenPort read_cluster_protocol(const Cursor& at);

/// v1alpha1: exactly one of portNumber, portRange and namedPort. Of use only without an error.
WrittenPort read_admin_port(const Cursor& at);

}  // namespace tierwall::daemon

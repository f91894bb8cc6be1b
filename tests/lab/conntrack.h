#pragma once
// The connections a host's kernel remembers.

#include "tests/lab/topology.h"

namespace tierwall::lab {

/// Forgets all of them, so that every packet is the first of its connection again.
void forget_connections(const Host& host);

}  // namespace tierwall::lab

#pragma once
// A document tree as JSON text, for whoever keeps documents: reading it again gives a tree that means the same. Places
// in the text and the difference between 0x10 and 16 are lost.

#include <string>

#include "daemon/sources/document.h"

namespace tierwall::daemon {

std::string print_json(const Node& node);

}  // namespace tierwall::daemon

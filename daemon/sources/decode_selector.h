#pragma once
// Selectors as manifests write them: Calico's text, or a Kubernetes label selector object. Both become the same trees.

#include <optional>

#include "daemon/sources/decode_reader.h"
#include "policy/selector.h"

namespace tierwall::daemon {

/// {matchLabels, matchExpressions}. Absent after an error.
std::optional<policy::Selector> read_label_selector(const Cursor& at);

/// Calico selector text. Absent after an error.
std::optional<policy::Selector> read_selector_text(const Cursor& at);

}  // namespace tierwall::daemon

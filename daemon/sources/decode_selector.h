#pragma once
// Selectors as manifests write them: Calico's text, or a Kubernetes label selector object. Both become the same trees.
// And how terms about namespaces and service accounts are composed into them (calico.md 2.5, 2.6).

#include <optional>
#include <string>
#include <vector>

#include "daemon/sources/decode_reader.h"
#include "policy/selector.h"

namespace tierwall::daemon {

/// {matchLabels, matchExpressions}. Absent after an error.
std::optional<policy::Selector> read_label_selector(const Cursor& at);

/// Calico selector text. Absent after an error.
std::optional<policy::Selector> read_selector_text(const Cursor& at);

/// Keys become those under which endpoints inherit the labels of their namespace or service account.
policy::Selector over_namespaces(policy::Selector selector);
policy::Selector over_service_accounts(policy::Selector selector);
/// What is in one namespace.
policy::Selector in_namespace(const std::string& ns);
/// Pods for which all the terms hold: network sets stay out, whatever labels they have.
policy::Selector only_pods(std::vector<policy::Selector> terms);

}  // namespace tierwall::daemon

#pragma once
// metadata: names, namespaces and labels, which every object has in the same form.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/sources/decode_reader.h"
#include "policy/label.h"

namespace tierwall::daemon {

struct Metadata {
  std::string name;
  std::string ns;                        ///< empty for cluster-scoped objects
  std::chrono::milliseconds created{0};  ///< since 1970; 0: not known
  policy::Labels labels;
  bool certain = true;  ///< false: name or namespace cannot be relied on, so nobody knows which object this is

  friend bool operator==(const Metadata&, const Metadata&) = default;
};

enum class NameRule { Label, Subdomain };

bool is_dns_label(std::string_view text);
bool is_dns_subdomain(std::string_view text);

/// Reads `metadata` of an object. A namespace is demanded of namespaced objects and dropped from others.
Metadata read_metadata(const Cursor& object, NameRule rule, bool namespaced, UnknownFields unknown);

/// Values must be text; keys and values must be what Kubernetes accepts in labels.
policy::Labels read_labels(const Cursor& at);
/// Reports a key, or a value, that Kubernetes would not accept in a label.
void check_label_key(const Cursor& at, std::string_view key);
void check_label_value(const Cursor& at, std::string_view value);

}  // namespace tierwall::daemon

#pragma once
// The kinds there are, by API: how each is read, and what to say of those that are not.

#include <optional>
#include <string_view>
#include <vector>

#include "daemon/sources/decode_metadata.h"
#include "daemon/sources/decode_reader.h"
#include "policy/model.h"

namespace tierwall::daemon {

/// The group in which Calico stores what users write in projectcalico.org/v3. It has the same kinds.
inline constexpr std::string_view kStoredCalicoVersion = "crd.projectcalico.org/v1";

/// How one kind of one API is read. It is written as policy::written_kind(kind).
struct KindRow {
  std::string_view api_version;
  policy::Kind kind;
  NameRule name_rule;
  UnknownFields unknown;  ///< in metadata
  std::optional<policy::Resource> (*decode)(const Cursor& object, const Metadata& metadata);
  bool is_calico_policy = false;  ///< whose stored name may begin with its tier
};

/// Null if the kind is not read.
const KindRow* find_kind(std::string_view api_version, std::string_view written);

/// Of kinds that matter to a firewall and that somebody may expect to work: what follows "kind NAME ". Empty for
/// others.
std::string_view why_skipped(std::string_view api_version, std::string_view written);

/// The kind of the same API that was probably meant; empty if none is near.
std::string_view misspelt_kind(std::string_view api_version, std::string_view written);

/// The API versions that have this kind.
std::vector<std::string_view> versions_with_kind(std::string_view written);

}  // namespace tierwall::daemon

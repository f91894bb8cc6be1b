#pragma once
// One thing of this node told in full: what it is, whom it concerns, what it comes to in the kernel, what it has seen.

#include <string>
#include <string_view>
#include <vector>

#include "daemon/control/hit_list.h"
#include "daemon/ctl/context.h"
#include "daemon/node_settings.h"
#include "nft/compile.h"
#include "policy/inventory.h"
#include "policy/node_policy.h"
#include "policy/result.h"

namespace tierwall::daemon::ctl {

/// "Selects", with a line per endpoint.
struct Fact {
  std::string label;
  std::vector<std::string> lines;  ///< none: shown as a dash

  friend bool operator==(const Fact&, const Fact&) = default;
};

struct Description {
  std::string kind;  ///< as asked: "policy"
  std::string name;
  std::vector<Fact> facts;

  friend bool operator==(const Description&, const Description&) = default;
};

/// The node as it is, with what its daemon counted (nothing if none runs).
struct DescribedNode {
  const policy::Snapshot& world;
  const NodeSettings& settings;
  const policy::NodePolicy& policy;
  const nft::CompiledTable& table;
  const std::vector<HitRow>& hits;
};

std::vector<std::string> described_kinds();  ///< "tier", "policy", "endpoint", "hostendpoint", "set"

/// `kind` may be plural. Malformed if it is none of them; NotFound with near names; Conflict if several things are
/// called so: a policy's NAME may have to be NAMESPACE/NAME or KIND/NAMESPACE/NAME, as `tierwall get -o name` has it.
Result<Description> describe(const DescribedNode& node, std::string_view kind, std::string_view name);

/// As text a label per line with what it says beside it, further lines below. As JSON or YAML {"kind", "name", "facts":
/// {"selects": ["..."]}}, where keys are labels in lower case with underscores. Ended by a newline.
std::string print_description(const Description& description, Output output);

}  // namespace tierwall::daemon::ctl

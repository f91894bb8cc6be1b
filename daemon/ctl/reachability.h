#pragma once
// Who may reach whom: every pod of some namespaces as a source and as a destination, for one service.

#include <optional>
#include <string>
#include <vector>

#include "daemon/control/status.h"
#include "daemon/ctl/connection.h"
#include "policy/inventory.h"
#include "policy/result.h"

namespace tierwall::daemon::ctl {

struct Reachability {
  std::string service;                                               ///< "tcp 80"
  std::vector<std::string> pods;                                     ///< "NAMESPACE/NAME", sorted
  std::vector<std::vector<std::optional<policy::Verdict>>> verdict;  ///< [from][to]; a pod with itself: nothing

  friend bool operator==(const Reachability&, const Reachability&) = default;
};

/// Of the pods of these namespaces that have policy of their own (not in the host's network, not finished); of all
/// without any. Exhausted beyond `most` pods; NotFound for a namespace without pods; errors of `judge`.
Result<Reachability> find_reachability(const policy::Snapshot& world, const ConnectionJudge& judge,
                                       const std::vector<std::string>& namespaces, const FlowWords& service,
                                       std::size_t most);

/// Rows are sources, columns destinations, by the numbers of the rows: + allowed, - denied.
std::string print_table(const Reachability& reachability, bool color);
/// An edge for each allowed pair (Graphviz).
std::string print_dot(const Reachability& reachability);
/// The table as a picture.
std::string print_svg(const Reachability& reachability);
Json to_json(const Reachability& reachability);

}  // namespace tierwall::daemon::ctl

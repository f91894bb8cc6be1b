#include "policy/resolve.h"

#include <utility>
#include <vector>

#include "policy/resolve_structure.h"
#include "policy/set_members.h"
#include "policy/subjects.h"

namespace tierwall::policy {

NodePolicy resolve(const Snapshot& snapshot, const Scope& scope, TieBreak tie_break) {
  const Subjects subjects = find_subjects(snapshot);
  std::vector<const Subject*> pods;
  for (const Subject& pod : subjects.pods) {
    if (scope.contains(*pod.pod)) pods.push_back(&pod);
  }
  Structure resolved = resolve_structure(snapshot, scope.node, tie_break, pods, subjects.host_endpoints);
  find_members(snapshot, subjects, resolved.queries, resolved.policy);
  std::vector<std::string>& remarks = resolved.policy.remarks;
  remarks.insert(remarks.begin(), subjects.remarks.begin(), subjects.remarks.end());
  return std::move(resolved.policy);
}

}  // namespace tierwall::policy

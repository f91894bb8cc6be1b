#include "daemon/sources/decode_staged.h"

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

enum class Written { Set, Delete, Learn, Ignore };

constexpr Choice<Written> kWords[] = {
    {"Set", Written::Set}, {"Delete", Written::Delete}, {"Learn", Written::Learn}, {"Ignore", Written::Ignore}};

}  // namespace

policy::StagedAction read_staged_action(const Cursor& at) {
  const auto written = read_choice(at, kWords);
  if (written == Written::Learn || written == Written::Ignore)
    at.warning(fmt::format("Tierwall treats {} as Set", at.node().text));
  return written == Written::Delete ? policy::StagedAction::Delete : policy::StagedAction::Set;
}

void demand_only_deletion(const Cursor& spec) {
  for (const Field& field : spec.node().fields) {
    if (field.key == "stagedAction" || field.key == "tier" || is_empty(field.value)) continue;
    spec.child(field).error("must be empty, because stagedAction is Delete");
  }
}

}  // namespace tierwall::daemon

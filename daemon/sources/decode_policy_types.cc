#include "daemon/sources/decode_policy_types.h"

#include "daemon/sources/decode_limits.h"
#include "policy/model.h"

namespace tierwall::daemon {

namespace {

using policy::Direction;

constexpr Choice<Direction> kTypes[] = {{"Ingress", Direction::Ingress}, {"Egress", Direction::Egress}};

}  // namespace

void read_policy_types(const Cursor& at, PolicyTypes& types) {
  const std::size_t before = at.errors();
  const auto items = at.items();
  types.written = !items || !items->empty();
  if (items && items->size() > kMaxPolicyTypes) at.error("at most two: Ingress and Egress");
  if (items) {
    for (const Cursor& item : *items) {
      const auto type = read_choice(item, kTypes);
      types.ingress = types.ingress || type == Direction::Ingress;
      types.egress = types.egress || type == Direction::Egress;
    }
  }
  if (at.errors() != before) types.ingress = types.egress = true;
}

}  // namespace tierwall::daemon

#include "nft/traced_flow.h"

#include <utility>
#include <vector>

#include "nft/table_words.h"

namespace tierwall::nft {

namespace {

/// In front of raw (-300), where the first tables look; behind defragmentation (-400), so that there are ports.
constexpr int kBeforeOthers = -301;

Match is_address(Field field, const policy::Address& address) {
  return {{field}, false, Addresses{{address, address}}};
}

std::vector<Match> matches_of(const TracedFlow& flow) {
  std::vector<Match> matches;
  if (flow.source) matches.push_back(is_address(source_field(flow.source->family), *flow.source));
  if (flow.destination) matches.push_back(is_address(destination_field(flow.destination->family), *flow.destination));
  if (flow.protocol) matches.push_back(is_number(Field::L4Proto, flow.protocol->number));
  if (flow.destination_port) matches.push_back(is_number(Field::ThDport, *flow.destination_port));
  return matches;
}

}  // namespace

ChangeSet trace_table(const TracedFlow& flow) {
  ChangeSet changes{.operations = {AddTable{}}};
  for (const auto& [name, hook] : {std::pair{"arriving", Hook::Prerouting}, {"sent", Hook::Output}}) {
    changes.operations.emplace_back(
        AddChain{{.name = name, .base = BaseChain{hook, kBeforeOthers}, .comment = {}, .rules = {}}});
    changes.operations.emplace_back(
        AddRule{.chain = name, .rule = {matches_of(flow), TraceFirst{flow.packets}, "for tierwall trace"}});
  }
  return changes;
}

}  // namespace tierwall::nft

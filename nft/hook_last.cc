#include "nft/hook_last.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <variant>

namespace tierwall::nft {

namespace {

bool needs_time(const Operation& operation) {
  const auto* set = std::get_if<AddSet>(&operation);
  return set != nullptr && set->set.interval;
}

/// Asked in order: what was declared before counts.
class Unhooked {
 public:
  bool operator()(const AddCounter&) { return true; }
  bool operator()(const AddSet& op) { return sets_.insert(op.set.name).second; }
  bool operator()(const AddElements& op) { return sets_.contains(op.set.name); }
  bool operator()(const AddChain& op) { return !op.chain.base && chains_.insert(op.chain.name).second; }
  bool operator()(const AddRule& op) { return chains_.contains(op.chain); }
  template <typename Other>
  bool operator()(const Other&) {
    return false;
  }

 private:
  std::set<std::string> sets_;
  std::set<std::string> chains_;
};

void add(TransactionPart& part, const Operation& operation, std::size_t index) {
  part.changes.operations.push_back(operation);
  part.operation_of.push_back(index);
}

}  // namespace

std::optional<HookedLast> hook_last(const ChangeSet& changes) {
  if (std::ranges::none_of(changes.operations, needs_time)) return std::nullopt;
  if (moves_table(changes)) return std::nullopt;
  HookedLast parts;
  Unhooked is_unhooked;
  for (std::size_t i = 0; i < changes.operations.size(); ++i) {
    const bool unhooked = std::visit(is_unhooked, changes.operations[i]);
    add(unhooked ? parts.unhooked : parts.main, changes.operations[i], i);
  }
  return parts;
}

ChangeSet removal_of(const ChangeSet& unhooked) {
  // References first: rules and elements to chains, rules to sets and counters.
  std::vector<Operation> flushes;
  std::vector<Operation> chains;
  std::vector<Operation> sets;
  std::vector<Operation> counters;
  for (const Operation& operation : unhooked.operations) {
    if (const auto* chain = std::get_if<AddChain>(&operation)) {
      flushes.emplace_back(FlushChain{chain->chain.name});
      chains.emplace_back(DeleteChain{chain->chain.name});
    } else if (const auto* elements = std::get_if<AddElements>(&operation)) {
      if (elements->set.verdict_map) flushes.emplace_back(DeleteElements{elements->set});
    } else if (const auto* set = std::get_if<AddSet>(&operation)) {
      sets.emplace_back(DeleteSet{set->set.name});
    } else if (const auto* counter = std::get_if<AddCounter>(&operation)) {
      counters.emplace_back(DeleteCounter{counter->counter.name});
    }
  }
  ChangeSet removal;
  for (std::vector<Operation>* group : {&flushes, &chains, &sets, &counters}) {
    std::ranges::move(*group, std::back_inserter(removal.operations));
  }
  return removal;
}

}  // namespace tierwall::nft

#include "nft/diff.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tierwall::nft {

namespace {

Set without_elements(const Set& set) {
  return {.name = set.name,
          .type = set.type,
          .interval = set.interval,
          .verdict_map = set.verdict_map,
          .comment = set.comment,
          .elements = {}};
}

Chain without_rules(const Chain& chain) {
  return {.name = chain.name, .base = chain.base, .comment = chain.comment, .rules = {}};
}

class ChangeWriter {
 public:
  void declare(const Chain& chain) { add(AddChain{without_rules(chain)}); }
  void declare(const Set& set) { add(AddSet{without_elements(set)}); }
  void fill(const Chain& chain) {
    for (const Rule& rule : chain.rules) add(AddRule{.chain = chain.name, .rule = rule});
  }
  void fill(const Set& set) {
    if (!set.elements.empty()) add(AddElements{set});
  }
  void change_elements(const Set& applied, const Set& desired);
  void add(Operation operation) { changes_.operations.push_back(std::move(operation)); }
  ChangeSet finish() { return std::move(changes_); }

 private:
  ChangeSet changes_;
};

void ChangeWriter::change_elements(const Set& applied, const Set& desired) {
  Set gone = without_elements(applied);
  Set come = without_elements(desired);
  // Both sides are sorted by key first; an element with another comment or verdict is another element.
  std::ranges::set_difference(applied.elements, desired.elements, std::back_inserter(gone.elements));
  std::ranges::set_difference(desired.elements, applied.elements, std::back_inserter(come.elements));
  if (!gone.elements.empty()) add(DeleteElements{std::move(gone)});
  if (!come.elements.empty()) add(AddElements{std::move(come)});
}

template <typename Value>
const Value* find(const std::map<std::string, Value>& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? nullptr : &found->second;
}

/// In the order they are printed in, which is the order nft lists them in.
void declare_chains(ChangeWriter& writer, const Ruleset& applied, const Ruleset& desired) {
  for (const bool base : {false, true}) {
    for (const auto& [name, chain] : desired.chains) {
      if (chain.base.has_value() == base && !applied.chains.contains(name)) writer.declare(chain);
    }
  }
}

void change_chains(ChangeWriter& writer, const Ruleset& applied, const Ruleset& desired) {
  for (const auto& [name, chain] : desired.chains) {
    const Chain* was = find(applied.chains, name);
    if (was == nullptr) {
      writer.fill(chain);
      continue;
    }
    TIERWALL_CHECK(without_rules(*was) == without_rules(chain));
    if (was->rules == chain.rules) continue;
    TIERWALL_CHECK(chain.base.has_value());
    writer.add(FlushChain{name});
    writer.fill(chain);
  }
}

void change_sets(ChangeWriter& writer, const Ruleset& applied, const Ruleset& desired) {
  for (const auto& [name, set] : desired.sets) {
    const Set* was = find(applied.sets, name);
    if (was == nullptr) {
      writer.fill(set);
      continue;
    }
    TIERWALL_CHECK(without_elements(*was) == without_elements(set));
    writer.change_elements(*was, set);
  }
  // A map that goes holds references to chains that may go with it, and sets are removed last.
  for (const auto& [name, set] : applied.sets) {
    if (!desired.sets.contains(name) && set.verdict_map && !set.elements.empty()) writer.add(DeleteElements{set});
  }
}

void remove_rest(ChangeWriter& writer, const Ruleset& applied, const Ruleset& desired) {
  std::vector<const Chain*> gone;
  for (const auto& [name, chain] : applied.chains) {
    if (!desired.chains.contains(name)) gone.push_back(&chain);
  }
  // All are emptied before the first is removed, because they may jump to one another.
  for (const Chain* chain : gone) {
    if (!chain->rules.empty()) writer.add(FlushChain{chain->name});
  }
  for (const Chain* chain : gone) writer.add(DeleteChain{chain->name});
  for (const auto& entry : applied.sets) {
    if (!desired.sets.contains(entry.first)) writer.add(DeleteSet{entry.first});
  }
  for (const auto& entry : applied.counters) {
    if (!desired.counters.contains(entry.first)) writer.add(DeleteCounter{entry.first});
  }
}

// ---- apply ---------------------------------------------------------------------------------------------------

/// So many elements are put in or taken out one by one; of more the whole set is written anew.
constexpr std::size_t kFew = 8;

struct Apply {
  Ruleset& ruleset;

  void operator()(const AddTable&) const {}
  void operator()(const DeleteTable&) const { ruleset = {}; }
  void operator()(const AddSet& op) const {
    TIERWALL_CHECK(ruleset.sets.emplace(op.set.name, without_elements(op.set)).second);
  }
  void operator()(const DeleteSet& op) const { TIERWALL_CHECK(ruleset.sets.erase(op.set) == 1); }
  void operator()(const AddElements& op) const {
    auto& elements = set(op.set.name).elements;
    if (op.set.elements.size() <= kFew) {
      for (const Element& element : op.set.elements) {
        elements.insert(std::ranges::lower_bound(elements, element), element);
      }
      return;
    }
    std::vector<Element> merged;
    merged.reserve(elements.size() + op.set.elements.size());
    std::ranges::merge(elements, op.set.elements, std::back_inserter(merged));
    elements = std::move(merged);
  }
  void operator()(const DeleteElements& op) const {
    auto& elements = set(op.set.name).elements;
    if (op.set.elements.size() <= kFew) {
      for (const Element& element : op.set.elements) {
        const auto at = std::ranges::lower_bound(elements, element.key, {}, &Element::key);
        TIERWALL_CHECK(at != elements.end() && at->key == element.key);
        elements.erase(at);
      }
      return;
    }
    std::vector<Element> kept;
    std::ranges::set_difference(elements, op.set.elements, std::back_inserter(kept), {}, &Element::key, &Element::key);
    TIERWALL_CHECK(kept.size() + op.set.elements.size() == elements.size());
    elements = std::move(kept);
  }
  void operator()(const AddChain& op) const {
    TIERWALL_CHECK(ruleset.chains.emplace(op.chain.name, without_rules(op.chain)).second);
  }
  void operator()(const FlushChain& op) const { chain(op.chain).rules.clear(); }
  void operator()(const DeleteChain& op) const { TIERWALL_CHECK(ruleset.chains.erase(op.chain) == 1); }
  void operator()(const AddRule& op) const { chain(op.chain).rules.push_back(op.rule); }
  void operator()(const AddCounter& op) const {
    TIERWALL_CHECK(ruleset.counters.emplace(op.counter.name, op.counter).second);
  }
  void operator()(const DeleteCounter& op) const { TIERWALL_CHECK(ruleset.counters.erase(op.counter) == 1); }

 private:
  [[nodiscard]] Set& set(const std::string& name) const {
    const auto found = ruleset.sets.find(name);
    TIERWALL_CHECK(found != ruleset.sets.end());
    return found->second;
  }
  [[nodiscard]] Chain& chain(const std::string& name) const {
    const auto found = ruleset.chains.find(name);
    TIERWALL_CHECK(found != ruleset.chains.end());
    return found->second;
  }
};

}  // namespace

ChangeSet diff(const Ruleset& applied, const Ruleset& desired) {
  ChangeWriter writer;
  for (const auto& [name, counter] : desired.counters) {
    const Counter* was = find(applied.counters, name);
    TIERWALL_CHECK(was == nullptr || *was == counter);
    if (was == nullptr) writer.add(AddCounter{counter});
  }
  declare_chains(writer, applied, desired);
  for (const auto& [name, set] : desired.sets) {
    if (!applied.sets.contains(name)) writer.declare(set);
  }
  change_sets(writer, applied, desired);
  change_chains(writer, applied, desired);
  remove_rest(writer, applied, desired);
  return writer.finish();
}

ChangeSet rebuild(const Ruleset& desired, TableOwner owner) {
  ChangeSet changes{.operations = {AddTable{}, DeleteTable{}, AddTable{.owner = owner}}};
  ChangeSet filled = diff({}, desired);
  std::ranges::move(filled.operations, std::back_inserter(changes.operations));
  return changes;
}

SplitChangeSet split_removals(const ChangeSet& changes) {
  std::set<std::string> removed;
  for (const Operation& operation : changes.operations) {
    if (const auto* chain = std::get_if<DeleteChain>(&operation)) removed.insert(chain->chain);
  }
  SplitChangeSet split;
  for (const Operation& operation : changes.operations) {
    const auto* flush = std::get_if<FlushChain>(&operation);
    const bool removes =
        std::holds_alternative<DeleteChain>(operation) || std::holds_alternative<DeleteSet>(operation) ||
        std::holds_alternative<DeleteCounter>(operation) || (flush != nullptr && removed.contains(flush->chain));
    (removes ? split.removals : split.main).operations.push_back(operation);
  }
  return split;
}

void advance(Ruleset& ruleset, const ChangeSet& changes) {
  for (const Operation& operation : changes.operations) std::visit(Apply{ruleset}, operation);
}

Ruleset apply(Ruleset ruleset, const ChangeSet& changes) {
  advance(ruleset, changes);
  return ruleset;
}

}  // namespace tierwall::nft

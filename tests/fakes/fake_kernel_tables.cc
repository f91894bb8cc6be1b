#include "tests/fakes/fake_kernel_tables.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

#include "nft/diff.h"

namespace tierwall::test {

using namespace nft;

namespace {

bool jumps_to(const Verdict& verdict, const std::string& chain) {
  return (verdict.code == Verdict::Code::Jump || verdict.code == Verdict::Code::Goto) && verdict.chain == chain;
}

bool is_jump(const Verdict& verdict) {
  return !verdict.chain.empty();
}

/// The verdict the rule itself gives; nothing for a map's, for log and for reject.
const Verdict* find_verdict(const Rule& rule) {
  if (const auto* set = std::get_if<SetMark>(&rule.action)) return &set->verdict;
  return std::get_if<Verdict>(&rule.action);
}

bool looks_into(const Rule& rule, const std::string& set) {
  const auto* lookup = std::get_if<VerdictMapLookup>(&rule.action);
  if (lookup != nullptr && lookup->map == set) return true;
  return std::ranges::any_of(rule.matches, [&set](const Match& match) {
    const auto* in = std::get_if<InSet>(&match.right);
    return in != nullptr && in->set == set;
  });
}

template <typename Predicate>
bool any_rule(const Ruleset& ruleset, Predicate predicate) {
  return std::ranges::any_of(
      ruleset.chains, [&predicate](const auto& entry) { return std::ranges::any_of(entry.second.rules, predicate); });
}

bool chain_in_use(const Ruleset& ruleset, const std::string& name) {
  const bool by_rule = std::ranges::any_of(ruleset.chains, [&name](const auto& entry) {
    // The rules of a chain go with it, so they do not keep it.
    return entry.first != name && std::ranges::any_of(entry.second.rules, [&name](const Rule& rule) {
             const Verdict* verdict = find_verdict(rule);
             return verdict != nullptr && jumps_to(*verdict, name);
           });
  });
  return by_rule || std::ranges::any_of(ruleset.sets, [&name](const auto& entry) {
           return std::ranges::any_of(entry.second.elements, [&name](const Element& element) {
             return element.verdict && jumps_to(*element.verdict, name);
           });
         });
}

const Key& last_of(const Element& element) {
  return element.last.empty() ? element.key : element.last;
}

bool overlaps(const Set& set, const Element& element) {
  return std::ranges::any_of(set.elements, [&element](const Element& other) {
    return other.key <= last_of(element) && element.key <= last_of(other);
  });
}

bool holds(const Set& set, const Element& element) {
  return std::ranges::binary_search(set.elements, element.key, {}, &Element::key);
}

struct Refused {
  int errno_value = 0;
  Key blamed;  ///< of elements, the first to blame
};

/// The first element the kernel would refuse for this reason.
template <typename Predicate>
Refused refused_element(const Set& set, int errno_value, Predicate refuses) {
  const auto found = std::ranges::find_if(set.elements, refuses);
  return found == set.elements.end() ? Refused{} : Refused{.errno_value = errno_value, .blamed = found->key};
}

Refused refused_if(bool condition, int errno_value) {
  return {.errno_value = condition ? errno_value : 0, .blamed = {}};
}

/// What the kernel answers to this operation on this ruleset.
struct Judge {
  const Ruleset& ruleset;

  Refused operator()(const AddTable&) const { return {}; }
  Refused operator()(const DeleteTable&) const { return {}; }
  Refused operator()(const AddSet& op) const { return refused_if(ruleset.sets.contains(op.set.name), EEXIST); }
  Refused operator()(const DeleteSet& op) const {
    if (!ruleset.sets.contains(op.set)) return refused_if(true, ENOENT);
    return refused_if(any_rule(ruleset, [&op](const Rule& rule) { return looks_into(rule, op.set); }), EBUSY);
  }
  Refused operator()(const AddElements& op) const {
    const auto set = ruleset.sets.find(op.set.name);
    if (set == ruleset.sets.end()) return refused_if(true, ENOENT);
    const Refused lost = refused_element(op.set, ENOENT, [this](const Element& element) {
      return element.verdict && is_jump(*element.verdict) && !ruleset.chains.contains(element.verdict->chain);
    });
    if (lost.errno_value != 0) return lost;
    return refused_element(op.set, EEXIST, [&set](const Element& element) {
      return set->second.interval ? overlaps(set->second, element) : holds(set->second, element);
    });
  }
  Refused operator()(const DeleteElements& op) const {
    const auto set = ruleset.sets.find(op.set.name);
    if (set == ruleset.sets.end()) return refused_if(true, ENOENT);
    return refused_element(op.set, ENOENT, [&set](const Element& element) { return !holds(set->second, element); });
  }
  Refused operator()(const AddChain& op) const { return refused_if(ruleset.chains.contains(op.chain.name), EEXIST); }
  Refused operator()(const FlushChain& op) const { return refused_if(!ruleset.chains.contains(op.chain), ENOENT); }
  Refused operator()(const DeleteChain& op) const {
    if (!ruleset.chains.contains(op.chain)) return refused_if(true, ENOENT);
    return refused_if(chain_in_use(ruleset, op.chain), EBUSY);
  }
  Refused operator()(const AddCounter& op) const {
    return refused_if(ruleset.counters.contains(op.counter.name), EEXIST);
  }
  Refused operator()(const DeleteCounter& op) const {
    if (!ruleset.counters.contains(op.counter)) return refused_if(true, ENOENT);
    return refused_if(any_rule(ruleset, [&op](const Rule& rule) { return rule.counter == op.counter; }), EBUSY);
  }
  Refused operator()(const AddRule& op) const {
    const bool counts = op.rule.counter.empty() || ruleset.counters.contains(op.rule.counter);
    const bool known = ruleset.chains.contains(op.chain) && knows_target(op.rule) && knows_sets(op.rule) && counts;
    return refused_if(!known, ENOENT);
  }

 private:
  [[nodiscard]] bool knows_target(const Rule& rule) const {
    if (const Verdict* verdict = find_verdict(rule)) {
      return !is_jump(*verdict) || ruleset.chains.contains(verdict->chain);
    }
    const auto* lookup = std::get_if<VerdictMapLookup>(&rule.action);
    return lookup == nullptr || ruleset.sets.contains(lookup->map);
  }
  [[nodiscard]] bool knows_sets(const Rule& rule) const {
    return std::ranges::all_of(rule.matches, [this](const Match& match) {
      const auto* in = std::get_if<InSet>(&match.right);
      return in == nullptr || ruleset.sets.contains(in->set);
    });
  }
};

/// Does a way lead from this chain to a rule that rejects?
bool rejects(const Ruleset& ruleset, const std::string& name) {
  const auto leads_to_reject = [&ruleset](const Verdict& verdict) {
    return is_jump(verdict) && rejects(ruleset, verdict.chain);
  };
  return std::ranges::any_of(ruleset.chains.at(name).rules, [&](const Rule& rule) {
    if (std::holds_alternative<Reject>(rule.action)) return true;
    const auto* lookup = std::get_if<VerdictMapLookup>(&rule.action);
    if (lookup == nullptr) return find_verdict(rule) != nullptr && leads_to_reject(*find_verdict(rule));
    return std::ranges::any_of(ruleset.sets.at(lookup->map).elements,
                               [&](const Element& element) { return leads_to_reject(*element.verdict); });
  });
}

/// Refused to the rule that opens such a way.
bool rejects_behind_routing(const Ruleset& ruleset) {
  return std::ranges::any_of(ruleset.chains, [&ruleset](const auto& entry) {
    const Chain& chain = entry.second;
    return chain.base && chain.base->hook == Hook::Postrouting && rejects(ruleset, chain.name);
  });
}

Rejected rejected(std::size_t index, const std::string& subject, int errno_value) {
  return {.operation = index, .errno_value = errno_value, .message = subject + ": " + std::strerror(errno_value)};
}

}  // namespace

CommitOutcome FakeKernelTables::commit(const ChangeSet& changes) {
  if (changes.empty()) return Committed{};
  const std::size_t attempt = attempts_++;
  CommitOutcome outcome = land(changes);
  if (lost_answers_.contains(attempt)) return Unknown{.message = "the answer was lost"};
  return outcome;
}

CommitOutcome FakeKernelTables::land(const ChangeSet& changes) {
  const auto refusal = refusals_.find(attempts_ - 1);
  if (refusal != refusals_.end()) return rejected(Rejected::kWholeTransaction, "transaction", refusal->second);
  bool table = has_table_;
  TableOwner owner = owner_;
  Ruleset next = ruleset_;
  CounterReadings counted = counted_;
  for (std::size_t i = 0; i < changes.operations.size(); ++i) {
    const Operation& operation = changes.operations[i];
    const auto* added = std::get_if<AddTable>(&operation);
    const bool adds_table = added != nullptr;
    if (adds_table && added->owner == TableOwner::Us && (!can_own_ || (table && owner != TableOwner::Us))) {
      return rejected(i, describe(operation), EOPNOTSUPP);
    }
    if (adds_table && !table) owner = added->owner;
    const Refused refused = table || adds_table ? std::visit(Judge{next}, operation) : refused_if(true, ENOENT);
    if (refused.errno_value != 0) return rejected(i, describe(operation, refused.blamed), refused.errno_value);
    next = apply(std::move(next), {.operations = {operation}});
    if (std::holds_alternative<DeleteTable>(operation)) counted.clear();
    if (const auto* gone = std::get_if<DeleteCounter>(&operation)) counted.erase(gone->counter);
    if (std::holds_alternative<AddRule>(operation) && rejects_behind_routing(next)) {
      return rejected(i, describe(operation), EOPNOTSUPP);
    }
    table = (table || adds_table) && !std::holds_alternative<DeleteTable>(operation);
  }
  has_table_ = table;
  owner_ = owner;
  ruleset_ = std::move(next);
  counted_ = std::move(counted);
  commits_.push_back(changes);
  return Committed{.messages = changes.operations.size(), .bytes = 0};
}

void FakeKernelTables::hit(const std::string& counter, std::uint64_t bytes) {
  TIERWALL_CHECK(ruleset_.counters.contains(counter));
  CounterReading& reading = counted_[counter];
  ++reading.packets;
  reading.bytes += bytes;
}

Result<CounterReadings> FakeKernelTables::take() {
  return std::exchange(counted_, {});
}

}  // namespace tierwall::test

#include "nft/table_parts.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "nft/diff.h"
#include "nft/set_unions.h"
#include "nft/table_words.h"

namespace tierwall::nft {

namespace {

using policy::Direction;
using policy::Family;
using policy::SetId;

Set with_elements(const Set& set, std::vector<Element> elements) {
  return {.name = set.name,
          .type = set.type,
          .interval = set.interval,
          .verdict_map = set.verdict_map,
          .comment = set.comment,
          .elements = std::move(elements)};
}

std::vector<Element> subtract(const std::vector<Element>& from, const std::vector<Element>& these) {
  std::vector<Element> rest;
  std::ranges::set_difference(from, these, std::back_inserter(rest));
  return rest;
}

/// Only the elements of a set that come and go.
class ElementsWriter {
 public:
  ElementsWriter(Ruleset& before, Ruleset& after) : before_(before), after_(after) {}

  void write(const Set& applied, std::vector<Element> gone, std::vector<Element> come) {
    if (gone.empty() && come.empty()) return;
    before_.sets.insert_or_assign(applied.name, with_elements(applied, std::move(gone)));
    after_.sets.insert_or_assign(applied.name, with_elements(applied, std::move(come)));
  }

 private:
  Ruleset& before_;
  Ruleset& after_;
};

/// The members of one set that may be others now, each asked anew.
class MemberQuestions {
 public:
  MemberQuestions(const MemberSet& set, const Set& applied) : set_(set), applied_(applied) {}

  void ask(const std::vector<policy::Address>& addresses, const policy::NodePolicy& policy) {
    for (const policy::Address& address : addresses) {
      const auto holds = [&](SetId id) {
        return std::ranges::binary_search(policy.address_sets[id].addresses, address);
      };
      if (address.family == set_.family) note(make_element(address), std::ranges::any_of(set_.sets, holds));
    }
  }
  void note(const std::vector<policy::ServiceAddress>& services, bool wanted) {
    for (const policy::ServiceAddress& service : services) {
      if (service.address.family == set_.family) note(make_element(service), wanted);
    }
  }
  void answer(ElementsWriter& writer) && {
    writer.write(applied_, {gone_.begin(), gone_.end()}, {come_.begin(), come_.end()});
  }

 private:
  void note(Element element, bool wanted) {
    const bool there = std::ranges::binary_search(applied_.elements, element);
    if (there != wanted) (wanted ? come_ : gone_).insert(std::move(element));
  }

  const MemberSet& set_;
  const Set& applied_;
  std::set<Element> gone_;
  std::set<Element> come_;
};

void put_at(std::vector<std::set<std::string>>& holders, SetId id, const std::string& name) {
  if (holders.size() <= id) holders.resize(id + 1);
  holders[id].insert(name);
}

/// Adds what is new to `after`. False if another thing of that name is there.
template <typename Part>
bool take_parts(std::map<std::string, Part>& compiled, const std::map<std::string, Part>& applied,
                std::map<std::string, Part>& after, std::vector<const Part*>& taken) {
  for (auto& [name, part] : compiled) {
    const auto known = applied.find(name);
    if (known != applied.end() && known->second != part) return false;
    if (known == applied.end()) taken.push_back(&after.emplace(name, std::move(part)).first->second);
  }
  return true;
}

}  // namespace

TableParts::TableParts(std::vector<MemberSet> sets, TreatmentChains chains, std::map<Family, SetNames> names)
    : chains_(std::move(chains)), names_(std::move(names)) {
  for (MemberSet& set : sets) add(std::move(set));
}

void TableParts::add(MemberSet set) {
  auto& holders = set.part == MemberSet::Part::Services ? of_service_sets_ : of_address_sets_;
  for (const SetId id : set.sets) put_at(holders, id, set.name);
  sets_.insert_or_assign(set.name, std::move(set));
}

void TableParts::remove(const std::string& set) {
  const auto found = sets_.find(set);
  if (found == sets_.end()) return;
  auto& holders = found->second.part == MemberSet::Part::Services ? of_service_sets_ : of_address_sets_;
  for (const SetId id : found->second.sets) holders[id].erase(set);
  sets_.erase(found);
}

std::optional<TableParts::Step> TableParts::follow(const policy::NodePolicy& policy, const policy::PolicyChange& change,
                                                   const CompileOptions& options, const Ruleset& applied) {
  if (change.everything) return std::nullopt;
  Step step;
  Difference difference;
  if (!follow_members(policy, change, applied, difference)) return std::nullopt;
  if (change.endpoints && !follow_pods(policy, options, applied, difference, step)) return std::nullopt;
  step.changes = diff(difference.before, difference.after);
  return step;
}

// ---- members -------------------------------------------------------------------------------------------------

/// False if a set's nets, which have a set of their own that chains ask only if there are any, come or go.
bool TableParts::follow_members(const policy::NodePolicy& policy, const policy::PolicyChange& change,
                                const Ruleset& applied, Difference& difference) const {
  std::map<std::string, MemberQuestions> questions;
  const auto about = [&](const std::string& name) -> MemberQuestions& {
    return questions.try_emplace(name, sets_.at(name), applied.sets.at(name)).first->second;
  };
  ElementsWriter writer(difference.before, difference.after);
  for (const policy::AddressSetChange& changed : change.address_sets) {
    if (changed.nets_come_or_go) return false;
    if (changed.set >= of_address_sets_.size()) continue;
    for (const std::string& name : of_address_sets_[changed.set]) {
      const MemberSet& set = sets_.at(name);
      if (set.part == MemberSet::Part::Ranges) {
        if (!changed.nets) continue;
        const Set& was = applied.sets.at(name);
        const std::vector<Element> elements = make_elements(set, policy);
        writer.write(was, subtract(was.elements, elements), subtract(elements, was.elements));
        continue;
      }
      about(name).ask(changed.addresses.gone, policy);
      about(name).ask(changed.addresses.come, policy);
    }
  }
  for (const policy::ServiceSetChange& changed : change.service_sets) {
    if (changed.set >= of_service_sets_.size()) continue;
    for (const std::string& name : of_service_sets_[changed.set]) {
      about(name).note(changed.members.gone, /*wanted=*/false);
      about(name).note(changed.members.come, /*wanted=*/true);
    }
  }
  for (auto& entry : questions) std::move(entry.second).answer(writer);
  return true;
}

// ---- pods of this node ---------------------------------------------------------------------------------------

bool TableParts::follow_pods(const policy::NodePolicy& policy, const CompileOptions& options, const Ruleset& applied,
                             Difference& difference, Step& step) {
  if (!references_) references_.emplace(applied);
  if (!compile_treatments(policy, options, applied, difference, step)) return false;
  ElementsWriter writer(difference.before, difference.after);
  std::vector<PartName> unused;
  for (const Family family : policy::kFamilies) {
    for (const Direction direction : policy::kDirections) {
      const Set map = make_dispatch_map(direction, family, policy, chains_);
      const Set& was = applied.sets.at(map.name);
      const Set gone = with_elements(map, subtract(was.elements, map.elements));
      const Set come = with_elements(map, subtract(map.elements, was.elements));
      references_->add(referred_by(come));
      std::ranges::move(references_->remove(referred_by(gone)), std::back_inserter(unused));
      writer.write(was, gone.elements, come.elements);
    }
    const auto pods = applied.sets.find(pods_set(family));
    if (pods == applied.sets.end()) continue;
    const Set wanted = make_pods_set(family, policy);
    writer.write(pods->second, subtract(pods->second.elements, wanted.elements),
                 subtract(wanted.elements, pods->second.elements));
  }
  remove_unused(std::move(unused), applied, difference);
  return true;
}

/// What pods need that none had before.
bool TableParts::compile_treatments(const policy::NodePolicy& policy, const CompileOptions& options,
                                    const Ruleset& applied, Difference& difference, Step& step) {
  for (const Family family : policy::kFamilies) {
    Ruleset compiled;
    TablePlaces places;
    SetUnions unions(policy, family, names_.at(family));
    if (!compile_pods(policy, options, unions, compiled, places, chains_)) return false;
    if (!take_in(std::move(compiled), policy, unions, applied, difference)) return false;
    step.counted.merge(places.counted);
  }
  return true;
}

/// False if two things have one name, which the compiler of the whole table reports.
bool TableParts::take_in(Ruleset compiled, const policy::NodePolicy& policy, const SetUnions& unions,
                         const Ruleset& applied, Difference& difference) {
  std::vector<const Chain*> chains;
  std::vector<const Set*> maps;
  std::vector<const Counter*> counters;
  Ruleset& after = difference.after;
  if (!take_parts(compiled.chains, applied.chains, after.chains, chains) ||
      !take_parts(compiled.sets, applied.sets, after.sets, maps) ||
      !take_parts(compiled.counters, applied.counters, after.counters, counters)) {
    return false;
  }
  for (const Set* map : maps) references_->add(referred_by(*map));
  for (const Chain* chain : chains) {
    const std::vector<PartName> referred = referred_by(*chain);
    references_->add(referred);
    for (const PartName& part : referred) {
      if (part.kind != PartName::Kind::Set || applied.sets.contains(part.name)) continue;
      std::optional<MemberSet> set = unions.find_members(part.name);
      if (!set || after.sets.contains(part.name)) continue;
      after.sets.emplace(part.name, make_set(*set, unions.describe(*set), policy));
      add(*std::move(set));
    }
  }
  return true;
}

/// What only they referred to goes with them.
void TableParts::remove_unused(std::vector<PartName> unused, const Ruleset& applied, Difference& difference) {
  while (!unused.empty()) {
    const PartName part = std::move(unused.back());
    unused.pop_back();
    std::vector<PartName> referred;
    switch (part.kind) {
      case PartName::Kind::Counter:
        difference.before.counters.insert(*applied.counters.find(part.name));
        break;
      case PartName::Kind::Chain:
        difference.before.chains.insert(*applied.chains.find(part.name));
        referred = referred_by(applied.chains.at(part.name));
        break;
      case PartName::Kind::Set: {
        const Set& set = applied.sets.at(part.name);
        difference.before.sets.insert_or_assign(
            part.name, set.verdict_map ? set : with_elements(set, {}));  // members go with their set
        difference.after.sets.erase(part.name);
        referred = referred_by(set);
        remove(part.name);
        break;
      }
    }
    std::ranges::move(references_->remove(referred), std::back_inserter(unused));
  }
}

}  // namespace tierwall::nft

#include "nft/member_sets.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace tierwall::nft {

namespace {

using policy::SetId;

Element exact(Key key) {
  return {.key = std::move(key), .last = {}, .verdict = std::nullopt, .comment = {}};
}

Key key_of(const policy::Address& address) {
  return make_key(address);
}

Key key_of(const policy::ServiceAddress& service) {
  return make_key(service.address, service.protocol, service.port);
}

std::vector<Element> make_ranges(const MemberSet& set, const policy::NodePolicy& policy) {
  policy::RangeSet nets = set.nets;
  for (const SetId id : set.sets) {
    for (const policy::AddressRange& range : policy.address_sets[id].nets.ranges()) nets.insert(range);
  }
  std::vector<Element> elements;
  const policy::RangeSet of_family = nets.only(set.family);
  for (const policy::AddressRange& range : of_family.ranges()) {
    elements.push_back(
        {.key = make_key(range.first), .last = make_key(range.last), .verdict = std::nullopt, .comment = {}});
  }
  std::ranges::sort(elements);
  return elements;
}

/// Which sets change how, in the order and the words of diff().
class MemberWriter {
 public:
  MemberWriter(const policy::NodePolicy& policy, const Ruleset& applied) : policy_(policy), applied_(applied) {}

  /// Asks anew of each of these members whether it is in the set.
  void change(const MemberSet& set, const std::vector<policy::Address>& asked) {
    for (const policy::Address& address : asked) {
      if (address.family != set.family) continue;
      const bool wanted = std::ranges::any_of(
          set.sets, [&](SetId id) { return std::ranges::binary_search(policy_.address_sets[id].addresses, address); });
      note(set.name, key_of(address), wanted);
    }
  }
  void change(const MemberSet& set, const std::vector<policy::ServiceAddress>& asked, bool wanted) {
    for (const policy::ServiceAddress& service : asked) {
      if (service.address.family == set.family) note(set.name, key_of(service), wanted);
    }
  }
  void replace_ranges(const MemberSet& set) {
    const std::vector<Element> desired = make_ranges(set, policy_);
    const std::vector<Element>& elements = applied_.sets.at(set.name).elements;
    Elements& changed = changed_[set.name];
    std::ranges::set_difference(elements, desired, std::inserter(changed.gone, changed.gone.end()));
    std::ranges::set_difference(desired, elements, std::inserter(changed.come, changed.come.end()));
  }

  ChangeSet finish() {
    ChangeSet changes;
    for (auto& [name, changed] : changed_) {
      if (!changed.gone.empty()) changes.operations.emplace_back(DeleteElements{part_of(name, changed.gone)});
      if (!changed.come.empty()) changes.operations.emplace_back(AddElements{part_of(name, changed.come)});
    }
    return changes;
  }

 private:
  struct Elements {
    std::set<Element> gone;
    std::set<Element> come;
  };

  void note(const std::string& name, Key key, bool wanted) {
    const std::vector<Element>& elements = applied_.sets.at(name).elements;
    const auto at = std::ranges::lower_bound(elements, key, {}, &Element::key);
    const bool there = at != elements.end() && at->key == key;
    if (there == wanted) return;
    Elements& changed = changed_[name];
    (wanted ? changed.come : changed.gone).insert(exact(std::move(key)));
  }

  [[nodiscard]] Set part_of(const std::string& name, const std::set<Element>& elements) const {
    const Set& whole = applied_.sets.at(name);
    return {.name = name,
            .type = whole.type,
            .interval = whole.interval,
            .verdict_map = whole.verdict_map,
            .comment = whole.comment,
            .elements = {elements.begin(), elements.end()}};
  }

  const policy::NodePolicy& policy_;
  const Ruleset& applied_;
  std::map<std::string, Elements> changed_;
};

void put_at(std::vector<std::vector<std::size_t>>& positions, SetId id, std::size_t position) {
  if (positions.size() <= id) positions.resize(id + 1);
  positions[id].push_back(position);
}

/// Those of the sets that hold this policy set; a policy set no rule of the table asks for is in none.
const std::vector<std::size_t>& holders_of(const std::vector<std::vector<std::size_t>>& positions, SetId id) {
  static const std::vector<std::size_t> none;
  return id < positions.size() ? positions[id] : none;
}

}  // namespace

MemberSets::MemberSets(std::vector<MemberSet> sets) : sets_(std::move(sets)) {
  std::ranges::sort(sets_, {}, &MemberSet::name);
  for (std::size_t i = 0; i < sets_.size(); ++i) {
    for (const SetId id : sets_[i].sets) {
      put_at(sets_[i].part == MemberSet::Part::Services ? of_service_sets_ : of_address_sets_, id, i);
    }
  }
}

std::optional<ChangeSet> MemberSets::follow(const policy::NodePolicy& policy, const policy::PolicyChange& change,
                                            const Ruleset& applied) const {
  if (change.everything) return std::nullopt;
  MemberWriter writer(policy, applied);
  for (const policy::AddressSetChange& changed : change.address_sets) {
    // A set's nets have a set of their own, which chains ask only if there are any.
    if (changed.nets_come_or_go) return std::nullopt;
    for (const std::size_t position : holders_of(of_address_sets_, changed.set)) {
      const MemberSet& set = sets_[position];
      if (set.part == MemberSet::Part::Ranges) {
        if (changed.nets) writer.replace_ranges(set);
        continue;
      }
      writer.change(set, changed.addresses.gone);
      writer.change(set, changed.addresses.come);
    }
  }
  for (const policy::ServiceSetChange& changed : change.service_sets) {
    for (const std::size_t position : holders_of(of_service_sets_, changed.set)) {
      writer.change(sets_[position], changed.members.gone, /*wanted=*/false);
      writer.change(sets_[position], changed.members.come, /*wanted=*/true);
    }
  }
  return writer.finish();
}

std::vector<Element> make_elements(const MemberSet& set, const policy::NodePolicy& policy) {
  if (set.part == MemberSet::Part::Ranges) return make_ranges(set, policy);
  std::vector<Element> elements;
  for (const SetId id : set.sets) {
    if (set.part == MemberSet::Part::Services) {
      for (const policy::ServiceAddress& service : policy.service_sets[id].members) {
        if (service.address.family == set.family) elements.push_back(exact(key_of(service)));
      }
      continue;
    }
    for (const policy::Address& address : policy.address_sets[id].addresses) {
      if (address.family == set.family) elements.push_back(exact(key_of(address)));
    }
  }
  std::ranges::sort(elements);
  elements.erase(std::unique(elements.begin(), elements.end()), elements.end());
  return elements;
}

}  // namespace tierwall::nft

#include "nft/merge_decisions.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "nft/table_words.h"

namespace tierwall::nft {

namespace {

using policy::Action;
using Iterator = DecisionList::const_iterator;

/// What a group of decisions has in common: every match but the one of the address that varies.
struct Shape {
  std::optional<Field> varying;
  std::vector<Match> rest;

  friend auto operator<=>(const Shape&, const Shape&) = default;
};

struct Group {
  Shape shape;
  std::vector<const Decision*> members;
};

class RunMerger {
 public:
  RunMerger(SetUnions& unions, policy::Family family, policy::Direction direction) : unions_(unions) {
    fields_ = {source_field(family), destination_field(family)};
    if (direction == policy::Direction::Egress) std::swap(fields_.front(), fields_.back());
  }

  void merge(Iterator first, Iterator last, DecisionList& merged) {
    std::map<Shape, std::size_t> index;
    std::vector<Group> groups;
    for (Iterator decision = first; decision != last; ++decision) {
      Shape shape = shape_of(*decision);
      const auto [entry, added] = index.try_emplace(shape, groups.size());
      if (added) groups.push_back({std::move(shape), {}});
      groups[entry->second].members.push_back(&*decision);
    }
    for (const Group& group : groups) append(group, merged);
  }

 private:
  [[nodiscard]] Shape shape_of(const Decision& decision) const {
    for (const Field field : fields_) {
      const auto varying = std::ranges::find_if(
          decision.matches, [&](const Match& match) { return match.fields[0] == field && can_unite(match); });
      if (varying == decision.matches.end()) continue;
      Shape shape{field, decision.matches};
      shape.rest.erase(shape.rest.begin() + (varying - decision.matches.begin()));
      return shape;
    }
    return {std::nullopt, decision.matches};
  }

  [[nodiscard]] bool can_unite(const Match& match) const {
    if (match.fields.size() != 1 || match.negated) return false;
    if (const auto* in = std::get_if<InSet>(&match.right)) return unions_.names().find(in->set).has_value();
    return std::holds_alternative<Addresses>(match.right);
  }

  /// One lookup among exact addresses, one among nets, as far as the group has them.
  void append(const Group& group, DecisionList& merged) {
    if (group.members.size() == 1 || !group.shape.varying) {
      for (const Decision* decision : group.members) merged.push_back(*decision);
      return;
    }
    for (const bool interval : {false, true}) {
      Decision united{.stage = group.members.front()->stage,
                      .matches = group.shape.rest,
                      .action = group.members.front()->action,
                      .stands_for = {}};
      SetUnion parts{.interval = interval};
      for (const Decision* decision : group.members) {
        if (!add_part(parts, varying_match(*decision, group.shape))) continue;
        united.stands_for.insert(united.stands_for.end(), decision->stands_for.begin(), decision->stands_for.end());
      }
      if (united.stands_for.empty()) continue;
      united.matches.insert(united.matches.begin(), unions_.match(*group.shape.varying, std::move(parts)));
      merged.push_back(std::move(united));
    }
  }

  /// The match that the shape is without.
  [[nodiscard]] const Match& varying_match(const Decision& decision, const Shape& shape) const {
    return *std::ranges::find_if(
        decision.matches, [&](const Match& match) { return match.fields[0] == *shape.varying && can_unite(match); });
  }

  /// False if the match is of the other half.
  bool add_part(SetUnion& parts, const Match& match) const {
    if (const auto* in = std::get_if<InSet>(&match.right)) {
      const SetNames::Meaning meaning = *unions_.names().find(in->set);
      if ((meaning.part == MemberSet::Part::Ranges) != parts.interval) return false;
      parts.address_sets.push_back(meaning.set);
      return true;
    }
    if (!parts.interval) return false;
    for (const policy::AddressRange& range : std::get<Addresses>(match.right)) parts.nets.insert(range);
    return true;
  }

  SetUnions& unions_;
  std::vector<Field> fields_;  // the one that is asked first
};

bool same_run(const Decision& left, const Decision& right) {
  return left.stage == right.stage && left.action == right.action && left.of_rule == right.of_rule;
}

/// Does everything that gets behind the run meet the run's own verdict?
bool is_repeated(const Decision& run, Iterator behind, Iterator end) {
  return behind != end && behind->stage == run.stage && behind->action == run.action && is_final(*behind);
}

}  // namespace

DecisionList merge_runs(const DecisionList& decisions, std::size_t apart, policy::Direction direction,
                        SetUnions& unions) {
  DecisionList merged;
  RunMerger merger(unions, unions.family(), direction);
  for (Iterator first = decisions.begin(); first != decisions.end();) {
    const Iterator last = std::find_if(first, decisions.end(), [&](const Decision& d) { return !same_run(*first, d); });
    const bool is_long = static_cast<std::size_t>(last - first) > apart && first->of_rule;
    if (!is_long || first->action == Action::Log) {
      merged.insert(merged.end(), first, last);
    } else if (!is_repeated(*first, last, decisions.end())) {
      merger.merge(first, last, merged);
    }
    first = last;
  }
  return merged;
}

}  // namespace tierwall::nft

#include "daemon/ctl/policy_difference.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "daemon/ctl/line_difference.h"
#include "daemon/ctl/rule_words.h"
#include "daemon/ctl/terminal.h"
#include "policy/selector.h"

namespace tierwall::daemon::ctl {

namespace {

using Change = ObjectDifference::Change;
using Names = std::set<std::string>;

// ---- who is selected by what -----------------------------------------------------------------------------------

using Selected = std::map<policy::ResourceKey, Names>;

void add_selected(const policy::NodePolicy& policy, std::size_t treatment, const std::string& endpoint,
                  Selected& selected) {
  for (const policy::TierStep& step : policy.treatments[treatment].steps) {
    for (const std::size_t at : step.policies) selected[policy.tiers[step.tier].policies[at].key].insert(endpoint);
  }
}

Selected find_selected(const policy::NodePolicy& policy) {
  Selected selected;
  for (const policy::ResolvedEndpoint& endpoint : policy.endpoints) {
    const std::string name = "pod " + policy::print_name(endpoint.pod);
    add_selected(policy, endpoint.ingress, name, selected);
    add_selected(policy, endpoint.egress, name, selected);
  }
  for (const policy::ResolvedHostEndpoint& endpoint : policy.host_endpoints) {
    for (const std::size_t treatment : endpoint.treatments)
      add_selected(policy, treatment, "host endpoint " + endpoint.name, selected);
  }
  return selected;
}

std::vector<std::string> without(const Names& names, const Names& others) {
  std::vector<std::string> rest;
  std::ranges::set_difference(names, others, std::back_inserter(rest));
  return rest;
}

// ---- what is written -------------------------------------------------------------------------------------------

std::string print_order(const std::optional<double>& order) {
  return order ? fmt::format("{}", *order) : "none";
}

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string print_stage(policy::Stage stage) {
  if (stage == policy::Stage::Untracked) return "doNotTrack";
  return stage == policy::Stage::PreDnat ? "preDNAT" : "";
}

std::string print_staged_action(const std::optional<policy::StagedAction>& staged) {
  if (!staged) return {};
  return *staged == policy::StagedAction::Set ? "Set" : "Delete";
}

Fields fields_of(const policy::Policy& policy) {
  // The other stages imply it.
  const bool on_forward = policy.apply_on_forward && policy.stage == policy::Stage::Tracked;
  return {{"tier", policy.tier},
          {"order", print_order(policy.order)},
          {"types", print_types(policy)},
          {"selector", policy::print_selector(policy.subject)},
          {"stage", print_stage(policy.stage)},
          {"applyOnForward", on_forward ? "true" : ""},
          {"staged action", print_staged_action(policy.staged)}};
}

Fields fields_of(const policy::Tier& tier) {
  return {{"order", print_order(tier.order)},
          {"default action", tier.default_action == policy::TierDefault::Deny ? "Deny" : "Pass"}};
}

Fields fields_of(const policy::HostEndpoint& endpoint) {
  std::vector<std::string> addresses;
  for (const policy::Address& address : endpoint.expected_addresses)
    addresses.push_back(policy::print_address(address));
  return {{"node", endpoint.node},
          {"interface", endpoint.interface_name},
          {"expectedIPs", join(addresses, ", ")},
          {"profiles", join(endpoint.profiles, ", ")},
          {"labels", print_labels(endpoint.labels)}};
}

template <typename Object>
Fields fields_of(const Object& object) {
  if constexpr (requires { policy::Labels(object.labels); }) return {{"labels", print_labels(object.labels)}};
  return {};
}

/// Of an object that is only in one of the worlds the other's fields are empty.
std::vector<FieldDifference> compare_fields(const Fields& before, const Fields& after) {
  std::vector<FieldDifference> differences;
  for (std::size_t i = 0; i < std::max(before.size(), after.size()); ++i) {
    const std::string& field = i < before.size() ? before[i].first : after[i].first;
    const std::string old_value = i < before.size() ? before[i].second : std::string();
    const std::string new_value = i < after.size() ? after[i].second : std::string();
    if (old_value != new_value) differences.push_back({field, old_value, new_value});
  }
  return differences;
}

using Objects = std::map<policy::ResourceKey, ObjectDifference>;

template <typename Map>
void compare_objects(const Map& before, const Map& after, Objects& objects) {
  const auto note = [&](const auto& object, Change change, const Fields& old_fields, const Fields& new_fields) {
    const policy::ResourceKey key = policy::key_of(policy::Resource(object));
    objects.emplace(key,
                    ObjectDifference{.key = key, .change = change, .fields = compare_fields(old_fields, new_fields)});
  };
  for (const auto& [key, object] : before) {
    const auto other = after.find(key);
    if (other == after.end()) {
      note(object, Change::Removed, fields_of(object), {});
    } else if (!(other->second == object)) {
      note(object, Change::Changed, fields_of(object), fields_of(other->second));
    }
  }
  for (const auto& [key, object] : after) {
    if (!before.contains(key)) note(object, Change::Added, {}, fields_of(object));
  }
}

Objects compare_snapshots(const policy::Snapshot& before, const policy::Snapshot& after) {
  Objects objects;
  compare_objects(before.namespaces, after.namespaces, objects);
  compare_objects(before.service_accounts, after.service_accounts, objects);
  compare_objects(before.pods, after.pods, objects);
  compare_objects(before.nodes, after.nodes, objects);
  compare_objects(before.services, after.services, objects);
  compare_objects(before.endpoint_slices, after.endpoint_slices, objects);
  compare_objects(before.host_endpoints, after.host_endpoints, objects);
  compare_objects(before.tiers, after.tiers, objects);
  compare_objects(before.profiles, after.profiles, objects);
  compare_objects(before.network_sets, after.network_sets, objects);
  compare_objects(before.policies, after.policies, objects);
  return objects;
}

// ---- rules -----------------------------------------------------------------------------------------------------

/// Of a policy or a profile, if it judges one of the endpoints.
struct Rules {
  std::vector<std::string> lines = {};     ///< with the direction, without the number
  std::vector<std::string> numbered = {};  ///< the same, as they are shown
};

template <typename Owner>
Rules list_rules_of(const Owner& owner, const policy::NodePolicy& policy) {
  Rules rules;
  for (const policy::Direction direction : policy::kDirections) {
    for (const policy::ResolvedRule& rule : owner.rules(direction)) {
      const std::string words = print_rule(rule, policy);
      rules.lines.push_back(fmt::format("{} {}", policy::print_direction(direction), words));
      rules.numbered.push_back(fmt::format("{} {}. {}", policy::print_direction(direction), rule.number, words));
    }
  }
  return rules;
}

Rules find_rules(const policy::NodePolicy& policy, const policy::ResourceKey& key) {
  if (key.kind == policy::Kind::Profile) {
    const auto profile = std::ranges::find(policy.profiles, key.name, &policy::ResolvedProfile::name);
    return profile == policy.profiles.end() ? Rules{} : list_rules_of(*profile, policy);
  }
  for (const policy::ResolvedTier& tier : policy.tiers) {
    const auto found = std::ranges::find(tier.policies, key, &policy::ResolvedPolicy::key);
    if (found != tier.policies.end()) return list_rules_of(*found, policy);
  }
  return {};
}

void compare_rules(const policy::NodePolicy& before, const policy::NodePolicy& after, ObjectDifference& object) {
  const Rules old_rules = find_rules(before, object.key);
  const Rules new_rules = find_rules(after, object.key);
  const LineDifference lines = compare_lines(old_rules.lines, new_rules.lines);
  for (const std::size_t at : lines.removed) object.rules_removed.push_back(old_rules.numbered[at]);
  for (const std::size_t at : lines.added) object.rules_added.push_back(new_rules.numbered[at]);
}

// ---- sets ------------------------------------------------------------------------------------------------------

Names members_of(const policy::AddressSet& set) {
  Names members;
  for (const policy::Address& address : set.addresses) members.insert(policy::print_address(address));
  for (const policy::AddressRange& range : set.nets.ranges()) members.insert(policy::print_range(range));
  return members;
}

std::vector<SetDifference> compare_sets(const policy::NodePolicy& before, const policy::NodePolicy& after) {
  std::vector<SetDifference> differences;
  for (const policy::AddressSet& set : before.address_sets) {
    const auto other = std::ranges::lower_bound(after.address_sets, set.meaning, {}, &policy::AddressSet::meaning);
    if (other == after.address_sets.end() || other->meaning != set.meaning || *other == set) continue;
    const Names old_members = members_of(set);
    const Names new_members = members_of(*other);
    differences.push_back({other->description, without(new_members, old_members), without(old_members, new_members)});
  }
  return differences;
}

// ---- in words --------------------------------------------------------------------------------------------------

struct ChangeWords {
  std::string_view name;
  std::string_view sign;
  Color color;
};

ChangeWords words_of(Change change) {
  switch (change) {
    case Change::Added:
      return {"added", "+", Color::Green};
    case Change::Removed:
      return {"removed", "-", Color::Red};
    case Change::Changed:
      return {"changed", "~", Color::Yellow};
    case Change::Affected:
      break;
  }
  return {"affected", "~", Color::Yellow};
}

class DifferenceText {
 public:
  explicit DifferenceText(bool color) : color_(color) {}

  void add(const ObjectDifference& object) {
    const ChangeWords words = words_of(object.change);
    const std::string remark = object.change == Change::Affected ? " (as it was, but selects others)" : "";
    text_ +=
        paint(fmt::format("{} {}{}", words.sign, policy::print_key(object.key), remark), words.color, color_) + "\n";
    for (const FieldDifference& field : object.fields) add_field(field, object.change);
    add_lines(object.rules_removed, "- ", Color::Red);
    add_lines(object.rules_added, "+ ", Color::Green);
    add_lines(object.lost, "- selects ", Color::Red);
    add_lines(object.gained, "+ selects ", Color::Green);
    if (object.selects_nothing) text_ += "    selects nothing here\n";
  }
  void add(const SetDifference& set) {
    text_ += paint(fmt::format("~ addresses of {}", set.set), Color::Yellow, color_) + "\n";
    add_lines(set.lost, "- ", Color::Red);
    add_lines(set.gained, "+ ", Color::Green);
  }
  std::string finish() { return std::move(text_); }

 private:
  void add_field(const FieldDifference& field, Change change) {
    const auto or_none = [](const std::string& value) { return value.empty() ? "none" : value; };
    if (change == Change::Changed) {
      text_ += fmt::format("    {} {} -> {}\n", field.field, or_none(field.before), or_none(field.after));
    } else {
      text_ += fmt::format("    {} {}\n", field.field, field.before + field.after);
    }
  }
  /// A change of thousands of pods must not hide everything else; JSON has them all.
  void add_lines(const std::vector<std::string>& lines, std::string_view sign, Color color) {
    constexpr std::size_t kShown = 50;
    for (std::size_t i = 0; i < std::min(lines.size(), kShown); ++i)
      text_ += "    " + paint(fmt::format("{}{}", sign, lines[i]), color, color_) + "\n";
    if (lines.size() > kShown) text_ += fmt::format("    {}... and {} more\n", sign, lines.size() - kShown);
  }

  bool color_;
  std::string text_;
};

}  // namespace

PolicyDifference compare_worlds(const JudgedWorld& before, const JudgedWorld& after) {
  Objects objects = compare_snapshots(before.world, after.world);
  Selected selected_before = find_selected(before.policy);
  Selected selected_after = find_selected(after.policy);
  Selected all = selected_before;
  all.insert(selected_after.begin(), selected_after.end());
  for (const auto& [key, unused] : all) {
    const Names& old_names = selected_before[key];
    const Names& new_names = selected_after[key];
    if (old_names == new_names && !objects.contains(key)) continue;
    ObjectDifference& object =
        objects.try_emplace(key, ObjectDifference{.key = key, .change = Change::Affected}).first->second;
    object.gained = without(new_names, old_names);
    object.lost = without(old_names, new_names);
  }
  PolicyDifference difference{.sets = compare_sets(before.policy, after.policy)};
  for (auto& [key, object] : objects) {
    if (object.change != Change::Affected) compare_rules(before.policy, after.policy, object);
    object.selects_nothing = after.world.policies.contains(key) && selected_after[key].empty();
    difference.objects.push_back(std::move(object));
  }
  return difference;
}

std::string print_difference(const PolicyDifference& difference, bool color) {
  if (difference.empty()) return "no difference\n";
  DifferenceText text(color);
  for (const ObjectDifference& object : difference.objects) text.add(object);
  for (const SetDifference& set : difference.sets) text.add(set);
  return text.finish();
}

Json to_json(const PolicyDifference& difference) {
  Json objects = Json::array();
  for (const ObjectDifference& object : difference.objects) {
    Json fields = Json::array();
    for (const FieldDifference& field : object.fields)
      fields.push_back({{"field", field.field}, {"before", field.before}, {"after", field.after}});
    objects.push_back({{"object", policy::print_key(object.key)},
                       {"change", words_of(object.change).name},
                       {"fields", std::move(fields)},
                       {"rules_removed", object.rules_removed},
                       {"rules_added", object.rules_added},
                       {"gained", object.gained},
                       {"lost", object.lost},
                       {"selects_nothing", object.selects_nothing}});
  }
  Json sets = Json::array();
  for (const SetDifference& set : difference.sets)
    sets.push_back({{"set", set.set}, {"gained", set.gained}, {"lost", set.lost}});
  return {{"objects", std::move(objects)}, {"sets", std::move(sets)}};
}

}  // namespace tierwall::daemon::ctl

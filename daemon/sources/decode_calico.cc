#include "daemon/sources/decode_calico.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "daemon/sources/decode_calico_rule.h"
#include "daemon/sources/read_yaml.h"

namespace tierwall::daemon {

namespace {

using policy::TierDefault;

constexpr std::string_view kMetadataAnnotation = "projectcalico.org/metadata";
constexpr std::string_view kStoredPrefix = "default.";

constexpr Choice<TierDefault> kDefaultActions[] = {{"Deny", TierDefault::Deny}, {"Pass", TierDefault::Pass}};

/// Tiers that exist without being written, and may be written only like this.
struct PinnedTier {
  std::string_view name;
  double order;
  TierDefault default_action;
};
constexpr PinnedTier kPinnedTiers[] = {{"default", 1'000'000, TierDefault::Deny},
                                       {"kube-admin", 1'000, TierDefault::Pass},
                                       {"kube-baseline", 10'000'000, TierDefault::Pass}};

void check_pinned_tier(const Cursor& object, policy::Tier& tier, bool has_default_action) {
  const auto pinned = std::find_if(std::begin(kPinnedTiers), std::end(kPinnedTiers),
                                   [&tier](const PinnedTier& p) { return p.name == tier.name; });
  if (pinned == std::end(kPinnedTiers)) return;
  const bool agrees = tier.order.value_or(pinned->order) == pinned->order &&
                      (!has_default_action || tier.default_action == pinned->default_action);
  if (!agrees)
    object.error(fmt::format("tier {} always has order {} and defaultAction {}", pinned->name, pinned->order,
                             pinned->default_action == TierDefault::Pass ? "Pass" : "Deny"));
  tier.order = pinned->order;
  tier.default_action = pinned->default_action;
}

void read_set_members(const Cursor& at, policy::NetworkSet& set) {
  const auto items = at.items();
  if (!items) return;
  std::vector<policy::Prefix> prefixes;
  for (const Cursor& item : *items) {
    const auto text = item.text();
    if (!text) continue;
    const auto prefix = policy::parse_prefix_or_address(*text);
    if (prefix)
      prefixes.push_back(*prefix);
    else
      item.error(prefix.error().message);
  }
  set.nets = policy::RangeSet::of(prefixes);
}

std::optional<Cursor> find_stored_metadata(const Cursor& object) {
  const auto metadata = object.find("metadata");
  const auto annotations = metadata ? metadata->find("annotations") : std::nullopt;
  return annotations ? annotations->find(kMetadataAnnotation) : std::nullopt;
}

/// Adds the labels and returns the name, which may be empty. Without a readable annotation nobody knows which object
/// this is.
std::string read_annotation(const Cursor& at, Metadata& metadata) {
  DocumentStream stream = read_yaml(at.node().text, at.findings().file());
  if (stream.documents.size() != 1 || !stream.problems.empty() || stream.documents[0].kind != Node::Kind::Map) {
    at.error("is not the JSON object Calico stores there");
    metadata.certain = false;
    return {};
  }
  Node& root = stream.documents[0];
  move_to(root, at.node().line, at.node().column);
  const Cursor stored = at.inside(root);
  if (const auto labels = stored.find("labels")) {
    const policy::Labels stored_labels = read_labels(*labels);
    for (const policy::Labels::Entry& label : stored_labels.entries()) metadata.labels.set(label.first, label.second);
  }
  const auto name_at = stored.find("name");
  const auto name = name_at ? name_at->text() : std::nullopt;
  if (!name) return {};
  if (!is_dns_subdomain(*name)) {
    name_at->error(fmt::format("{} is no valid name", quote(*name)));
    metadata.certain = false;
  }
  return *name;
}

}  // namespace

std::optional<policy::Resource> decode_tier(const Cursor& object, const Metadata& metadata) {
  policy::Tier tier;
  tier.name = metadata.name;
  bool has_default_action = false;
  const auto read_default_action = [&](const Cursor& c) {
    has_default_action = true;
    tier.default_action = read_choice(c, kDefaultActions).value_or(TierDefault::Deny);
  };
  read_spec(object, [&](const Cursor& spec) {
    read_fields(spec,
                {{"order", [&](const Cursor& c) { tier.order = c.number(); }}, {"defaultAction", read_default_action}});
  });
  check_pinned_tier(object, tier, has_default_action);
  return tier;
}

std::optional<policy::Resource> decode_network_set(const Cursor& object, const Metadata& metadata) {
  policy::NetworkSet set;
  set.ns = metadata.ns;
  set.name = metadata.name;
  for (const policy::Labels::Entry& label : metadata.labels.entries()) {
    if (label.first != policy::kNamespaceLabel)
      set.labels.set(label.first, label.second);
    else
      object.error(fmt::format("the label {} belongs to Calico and cannot be written", label.first));
  }
  bool is_object = true;
  read_spec(object, [&](const Cursor& spec) {
    is_object = read_fields(spec, {{"nets", [&](const Cursor& c) { read_set_members(c, set); }}});
  });
  if (!is_object) return std::nullopt;
  return set;
}

std::optional<policy::Resource> decode_profile(const Cursor& object, const Metadata& metadata) {
  policy::Profile profile;
  RuleSection ingress, egress;
  bool is_object = true;
  profile.name = metadata.name;
  const std::size_t before = object.errors();
  read_spec(object, [&](const Cursor& spec) {
    is_object = read_fields(
        spec, {{"ingress", [&](const Cursor& c) { ingress = read_calico_rules(c, "", policy::Direction::Ingress); }},
               {"egress", [&](const Cursor& c) { egress = read_calico_rules(c, "", policy::Direction::Egress); }},
               {"labelsToApply", [&](const Cursor& c) { profile.labels_to_apply = read_labels(c); }}});
  });
  if (!is_object) return std::nullopt;
  close_if_surrounded(object.errors() - before, ingress, egress);
  profile.ingress = std::move(ingress.rules);
  profile.egress = std::move(egress.rules);
  return profile;
}

void read_stored_metadata(const Cursor& object, bool is_policy, Metadata& metadata) {
  const auto at = find_stored_metadata(object);
  std::string name;
  if (at) name = read_annotation(*at, metadata);
  if (!is_policy || !metadata.certain) return;
  const Node* spec = object.node().find("spec");
  const Node* tier = spec == nullptr ? nullptr : spec->find("tier");
  const bool in_default_tier = tier == nullptr || tier->text.empty() || tier->text == policy::kDefaultTier;
  if (!name.empty()) {
    metadata.name = name;
  } else if (in_default_tier && metadata.name.starts_with(kStoredPrefix)) {
    metadata.name.erase(0, kStoredPrefix.size());
  }
}

}  // namespace tierwall::daemon

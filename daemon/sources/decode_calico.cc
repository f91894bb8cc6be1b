#include "daemon/sources/decode_calico.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "daemon/sources/decode_calico_rule.h"
#include "daemon/sources/decode_limits.h"
#include "daemon/sources/decode_policy_types.h"
#include "daemon/sources/decode_selector.h"
#include "daemon/sources/read_yaml.h"

namespace tierwall::daemon {

namespace {

using policy::TierDefault;

constexpr std::string_view kMetadataAnnotation = "projectcalico.org/metadata";
constexpr std::string_view kStoredPrefix = "default.";

constexpr Choice<TierDefault> kDefaultActions[] = {{"Deny", TierDefault::Deny}, {"Pass", TierDefault::Pass}};
constexpr Choice<bool> kHints[] = {{"AssumeNeededOnEveryNode", true}};

/// Tiers that exist without being written, and may be written only like this.
struct PinnedTier {
  std::string_view name;
  double order;
  TierDefault default_action;
};
constexpr PinnedTier kPinnedTiers[] = {{"default", 1'000'000, TierDefault::Deny},
                                       {"kube-admin", 1'000, TierDefault::Pass},
                                       {"kube-baseline", 10'000'000, TierDefault::Pass}};

/// What a policy's spec says, before it becomes a policy.
struct PolicySpec {
  policy::Selector selector, namespaces, accounts;  ///< which endpoints; all of them must hold
  bool subject_understood = true;
  bool for_host_endpoints = false;
  std::string tier{policy::kDefaultTier};
  std::optional<double> order;
  PolicyTypes types;
  CalicoRules ingress;
  CalicoRules egress;
};

/// One of the selectors that choose the endpoints of a policy. Empty text is as good as nothing written.
policy::Selector read_subject_term(const Cursor& at, PolicySpec& spec) {
  auto selector = read_selector_text(at);
  if (selector && policy::mentions_global(*selector)) {
    at.error("global() is possible in the namespaceSelector of a rule only");
    selector.reset();
  }
  spec.subject_understood = spec.subject_understood && selector.has_value();
  return selector.value_or(policy::all());
}

bool is_written(const Cursor& at) {
  return at.node().kind != Node::Kind::Scalar || !at.node().text.empty();
}

policy::Selector compose_subject(PolicySpec& spec, const std::string& ns) {
  std::vector<policy::Selector> terms;
  terms.push_back(std::move(spec.selector));
  if (!ns.empty()) terms.push_back(policy::equals(std::string(policy::kNamespaceLabel), ns));
  terms.push_back(std::move(spec.namespaces));
  terms.push_back(std::move(spec.accounts));
  return policy::conjunction(std::move(terms));
}

void read_tier_name(const Cursor& at, PolicySpec& spec) {
  const auto tier = at.text();
  if (!tier || tier->empty()) return;
  if (!is_dns_label(*tier)) at.error(fmt::format("{} is no valid tier name", quote(*tier)));
  spec.tier = *tier;
}

void read_hints(const Cursor& at) {
  const auto items = at.items();
  if (!items) return;
  for (const Cursor& item : *items) read_choice(item, kHints);
}

/// Such a policy says what host endpoints do before or without connection tracking. Applied to pods instead, it would
/// be another policy.
void read_host_flag(const Cursor& at, PolicySpec& spec) {
  if (!at.boolean().value_or(false)) return;
  spec.for_host_endpoints = true;
  at.error("applies to host endpoints only, which this version does not enforce");
}

/// Absent if the spec is no object.
std::optional<PolicySpec> read_policy_spec(const Cursor& at, policy::Kind kind, const std::string& ns) {
  PolicySpec spec;
  const FieldRow tier{"tier", [&](const Cursor& c) { read_tier_name(c, spec); }};
  const FieldRow order{"order", [&](const Cursor& c) { spec.order = c.number(); }};
  const FieldRow selector{"selector", [&](const Cursor& c) { spec.selector = read_subject_term(c, spec); }};
  const FieldRow accounts{"serviceAccountSelector", [&](const Cursor& c) {
                            if (is_written(c)) spec.accounts = over_service_accounts(read_subject_term(c, spec));
                          }};
  const FieldRow types{"types", [&](const Cursor& c) { read_policy_types(c, spec.types); }};
  const FieldRow ingress{"ingress", [&](const Cursor& c) { spec.ingress = read_calico_rules(c, ns); }};
  const FieldRow egress{"egress", [&](const Cursor& c) { spec.egress = read_calico_rules(c, ns); }};
  const FieldRow hints{"performanceHints", read_hints};
  bool is_object = false;
  if (kind == policy::Kind::GlobalNetworkPolicy) {
    const auto read_flag = [&](const Cursor& c) { read_host_flag(c, spec); };
    const FieldRow namespaces{"namespaceSelector", [&](const Cursor& c) {
                                if (is_written(c)) spec.namespaces = over_namespaces(read_subject_term(c, spec));
                              }};
    is_object = read_fields(at, {tier,
                                 order,
                                 selector,
                                 namespaces,
                                 accounts,
                                 types,
                                 ingress,
                                 egress,
                                 hints,
                                 {"doNotTrack", read_flag},
                                 {"preDNAT", read_flag},
                                 {"applyOnForward", read_flag}});
  } else {
    is_object = read_fields(at, {tier, order, selector, accounts, types, ingress, egress, hints});
  }
  if (!is_object) return std::nullopt;
  if (!spec.types.written) {
    spec.types.egress = spec.egress.written;
    spec.types.ingress = spec.ingress.written || !spec.egress.written;
  }
  return spec;
}

/// Something unknown stands beside the rules: nobody knows what it would have restricted, so nothing is allowed.
void close_allows(std::vector<policy::Rule>& rules) {
  for (policy::Rule& rule : rules) {
    if (rule.action == policy::Action::Allow)
      rule = {.action = rule.action, .number = rule.number, .understood = false};
  }
}

/// "label" or "label.label", and in a namespace what Calico makes of other APIs' policies (calico.md 1.9).
bool is_policy_name(std::string_view name, bool namespaced) {
  if (namespaced && (name.starts_with("knp.default.") || name.starts_with("ossg.default.")))
    return is_dns_subdomain(name);
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return is_dns_label(name);
  return is_dns_label(name.substr(0, dot)) && is_dns_label(name.substr(dot + 1));
}

policy::Policy make_policy(policy::Kind kind, const Metadata& metadata, PolicySpec spec) {
  policy::Policy result;
  result.kind = kind;
  result.ns = metadata.ns;
  result.name = metadata.name;
  result.tier = std::move(spec.tier);
  result.order = spec.order;
  result.subject = compose_subject(spec, metadata.ns);
  result.applies_to_ingress = spec.types.ingress;
  result.applies_to_egress = spec.types.egress;
  if (result.applies_to_ingress) result.ingress = std::move(spec.ingress.rules);
  if (result.applies_to_egress) result.egress = std::move(spec.egress.rules);
  return result;
}

void check_policy_name(const Cursor& object, const Metadata& metadata) {
  if (is_policy_name(metadata.name, !metadata.ns.empty())) return;
  object.error(fmt::format("{} is no valid policy name: one or two parts of at most 63 of a-z, 0-9 and '-'",
                           quote(metadata.name)));
}

std::optional<policy::Resource> decode_policy(policy::Kind kind, const Cursor& object, const Metadata& metadata) {
  if (metadata.certain) check_policy_name(object, metadata);
  std::optional<PolicySpec> spec = PolicySpec{};
  const std::size_t before = object.errors();
  read_fields(object, {{"apiVersion", ignore_field},
                       {"kind", ignore_field},
                       {"metadata", ignore_field},
                       {"spec", [&](const Cursor& c) { spec = read_policy_spec(c, kind, metadata.ns); }},
                       {"status", ignore_field}});
  if (!spec || !spec->subject_understood || spec->for_host_endpoints) return std::nullopt;
  if (!object.find("spec")) {
    object.warning("spec is missing: that selects everything and allows it no ingress");
    spec->types.ingress = true;
  }
  if (object.errors() - before != spec->ingress.errors + spec->egress.errors) {
    close_allows(spec->ingress.rules);
    close_allows(spec->egress.rules);
  }
  return make_policy(kind, metadata, *std::move(spec));
}

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

/// Reads `spec` and demands that nothing unknown stands beside it.
void read_spec(const Cursor& object, const std::function<void(const Cursor&)>& read) {
  read_fields(object, {{"apiVersion", ignore_field},
                       {"kind", ignore_field},
                       {"metadata", ignore_field},
                       {"spec", read},
                       {"status", ignore_field}});
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
  const Cursor stored(root, at.path(), at.findings());
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

std::optional<policy::Resource> decode_global_network_policy(const Cursor& object, const Metadata& metadata) {
  return decode_policy(policy::Kind::GlobalNetworkPolicy, object, metadata);
}

std::optional<policy::Resource> decode_calico_network_policy(const Cursor& object, const Metadata& metadata) {
  return decode_policy(policy::Kind::NetworkPolicy, object, metadata);
}

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
  CalicoRules ingress, egress;
  bool is_object = true;
  profile.name = metadata.name;
  const std::size_t before = object.errors();
  read_spec(object, [&](const Cursor& spec) {
    is_object =
        read_fields(spec, {{"ingress", [&](const Cursor& c) { ingress = read_calico_rules(c, ""); }},
                           {"egress", [&](const Cursor& c) { egress = read_calico_rules(c, ""); }},
                           {"labelsToApply", [&](const Cursor& c) { profile.labels_to_apply = read_labels(c); }}});
  });
  if (!is_object) return std::nullopt;
  if (object.errors() - before != ingress.errors + egress.errors) {
    close_allows(ingress.rules);
    close_allows(egress.rules);
  }
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

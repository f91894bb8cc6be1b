#include "daemon/sources/decode_calico_policy.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "daemon/sources/decode_calico_rule.h"
#include "daemon/sources/decode_policy_types.h"
#include "daemon/sources/decode_selector.h"
#include "daemon/sources/decode_staged.h"

namespace tierwall::daemon {

namespace {

constexpr Choice<bool> kHints[] = {{"AssumeNeededOnEveryNode", true}};

/// What a policy's spec says, before it becomes a policy.
struct PolicySpec {
  policy::Selector selector, namespaces, accounts;  ///< which endpoints; all of them must hold
  bool subject_understood = true;
  bool untracked = false;
  bool pre_dnat = false;
  bool apply_on_forward = false;
  std::string tier{policy::kDefaultTier};
  std::optional<double> order;
  PolicyTypes types;
  RuleSection ingress;
  RuleSection egress;
  std::optional<policy::StagedAction> staged;
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

/// One that is not empty text, and its keys those of `over`.
policy::Selector read_inherited_term(const Cursor& at, PolicySpec& spec, policy::Selector (*over)(policy::Selector)) {
  if (at.node().kind == Node::Kind::Scalar && at.node().text.empty()) return policy::all();
  return over(read_subject_term(at, spec));
}

policy::Selector compose_subject(PolicySpec& spec, const std::string& ns) {
  std::vector<policy::Selector> terms;
  terms.push_back(std::move(spec.selector));
  if (!ns.empty()) terms.push_back(in_namespace(ns));
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

/// Flags that say when the traffic of host endpoints is judged must agree (calico.md 1.1). False: nobody can tell which
/// was meant.
bool check_host_flags(const Cursor& at, PolicySpec& spec) {
  if (spec.untracked && spec.pre_dnat) {
    at.error("doNotTrack and preDNAT exclude each other");
    return false;
  }
  if (spec.pre_dnat && (spec.types.egress || spec.egress.written)) {
    at.error("a preDNAT policy judges what comes in: it has no egress rules and not the type Egress");
    spec.types = {.written = true, .ingress = true, .egress = false};
  }
  if ((spec.untracked || spec.pre_dnat) && !spec.apply_on_forward) {
    at.error("doNotTrack and preDNAT policies see forwarded traffic too: applyOnForward must be true");
    spec.apply_on_forward = true;
  }
  return true;
}

std::vector<FieldRow> rows_of(policy::Kind kind, const std::string& ns, PolicySpec& spec) {
  const auto rules = [&ns](RuleSection& section, policy::Direction direction) {
    return [&ns, &section, direction](const Cursor& c) { section = read_calico_rules(c, ns, direction); };
  };
  const auto inherited = [&spec](policy::Selector& term, policy::Selector (*over)(policy::Selector)) {
    return [&spec, &term, over](const Cursor& c) { term = read_inherited_term(c, spec, over); };
  };
  std::vector<FieldRow> rows = {{"tier", [&spec](const Cursor& c) { read_tier_name(c, spec); }},
                                {"order", [&spec](const Cursor& c) { spec.order = c.number(); }},
                                {"selector", [&spec](const Cursor& c) { spec.selector = read_subject_term(c, spec); }},
                                {"serviceAccountSelector", inherited(spec.accounts, over_service_accounts)},
                                {"types", [&spec](const Cursor& c) { read_policy_types(c, spec.types); }},
                                {"ingress", rules(spec.ingress, policy::Direction::Ingress)},
                                {"egress", rules(spec.egress, policy::Direction::Egress)},
                                {"performanceHints", read_hints}};
  if (!policy::is_namespaced(kind)) {
    const auto flag = [](bool& value) { return [&value](const Cursor& c) { value = c.boolean().value_or(false); }; };
    rows.push_back({"namespaceSelector", inherited(spec.namespaces, over_namespaces)});
    rows.push_back({"doNotTrack", flag(spec.untracked)});
    rows.push_back({"preDNAT", flag(spec.pre_dnat)});
    rows.push_back({"applyOnForward", flag(spec.apply_on_forward)});
  }
  if (spec.staged) rows.push_back({"stagedAction", [&spec](const Cursor& c) { spec.staged = read_staged_action(c); }});
  return rows;
}

/// Staged kinds begin as Set. Absent if the spec is no object.
std::optional<PolicySpec> read_policy_spec(const Cursor& at, policy::Kind kind, const std::string& ns,
                                           std::optional<policy::StagedAction> staged) {
  PolicySpec spec;
  spec.staged = staged;
  if (!read_fields(at, rows_of(kind, ns, spec))) return std::nullopt;
  if (spec.staged == policy::StagedAction::Delete) demand_only_deletion(at);
  if (!spec.types.written) {
    spec.types.egress = spec.egress.written;
    spec.types.ingress = spec.ingress.written || !spec.egress.written;
  }
  if (!check_host_flags(at, spec)) return std::nullopt;
  return spec;
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
  result.staged = spec.staged;
  result.stage = spec.untracked  ? policy::Stage::Untracked
                 : spec.pre_dnat ? policy::Stage::PreDnat
                                 : policy::Stage::Tracked;
  result.apply_on_forward = spec.apply_on_forward;
  return result;
}

void check_policy_name(const Cursor& object, const Metadata& metadata) {
  if (is_policy_name(metadata.name, !metadata.ns.empty())) return;
  object.error(fmt::format("{} is no valid policy name: one or two parts of at most 63 of a-z, 0-9 and '-'",
                           quote(metadata.name)));
}

std::optional<policy::Resource> decode_tiered_policy(policy::Kind kind, std::optional<policy::StagedAction> staged,
                                                     const Cursor& object, const Metadata& metadata) {
  if (metadata.certain) check_policy_name(object, metadata);
  std::optional<PolicySpec> spec = PolicySpec{};
  spec->staged = staged;
  const std::size_t before = object.errors();
  read_spec(object, [&](const Cursor& c) { spec = read_policy_spec(c, kind, metadata.ns, staged); });
  if (!spec || !spec->subject_understood) return std::nullopt;
  if (!object.find("spec")) {
    object.warning("spec is missing: that selects everything and allows it no ingress");
    spec->types.ingress = true;
  }
  close_if_surrounded(object.errors() - before, spec->ingress, spec->egress);
  return make_policy(kind, metadata, *std::move(spec));
}

}  // namespace

std::optional<policy::Resource> decode_global_network_policy(const Cursor& object, const Metadata& metadata) {
  return decode_tiered_policy(policy::Kind::GlobalNetworkPolicy, std::nullopt, object, metadata);
}

std::optional<policy::Resource> decode_calico_network_policy(const Cursor& object, const Metadata& metadata) {
  return decode_tiered_policy(policy::Kind::NetworkPolicy, std::nullopt, object, metadata);
}

std::optional<policy::Resource> decode_staged_global_network_policy(const Cursor& object, const Metadata& metadata) {
  return decode_tiered_policy(policy::Kind::StagedGlobalNetworkPolicy, policy::StagedAction::Set, object, metadata);
}

std::optional<policy::Resource> decode_staged_network_policy(const Cursor& object, const Metadata& metadata) {
  return decode_tiered_policy(policy::Kind::StagedNetworkPolicy, policy::StagedAction::Set, object, metadata);
}

}  // namespace tierwall::daemon

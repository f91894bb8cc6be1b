#include "daemon/sources/decode_selector.h"

#include <utility>
#include <vector>

#include "daemon/sources/decode_metadata.h"

namespace tierwall::daemon {

namespace {

using Operator = policy::LabelRequirement::Operator;

constexpr Choice<Operator> kOperators[] = {{"In", Operator::In},
                                           {"NotIn", Operator::NotIn},
                                           {"Exists", Operator::Exists},
                                           {"DoesNotExist", Operator::DoesNotExist}};

void read_values(const Cursor& at, policy::LabelRequirement& requirement) {
  const auto items = at.items();
  if (!items) return;
  for (const Cursor& item : *items) {
    const auto value = item.text();
    if (!value) continue;
    check_label_value(item, *value);
    requirement.values.push_back(*value);
  }
}

void check_requirement(const Cursor& at, const policy::LabelRequirement& requirement, bool has_operator) {
  const bool takes_values = requirement.op == Operator::In || requirement.op == Operator::NotIn;
  if (requirement.key.empty()) at.missing("key");
  if (!has_operator) at.missing("operator");
  if (has_operator && takes_values && requirement.values.empty())
    at.missing("values", "In and NotIn need at least one");
  if (has_operator && !takes_values && !requirement.values.empty()) at.error("Exists and DoesNotExist take no values");
}

policy::LabelRequirement read_requirement(const Cursor& at) {
  policy::LabelRequirement requirement;
  const std::size_t before = at.errors();
  bool has_operator = false;
  read_fields(at, {{"key",
                    [&](const Cursor& c) {
                      requirement.key = c.text().value_or("");
                      if (!requirement.key.empty()) check_label_key(c, requirement.key);
                    }},
                   {"operator",
                    [&](const Cursor& c) {
                      const auto op = read_choice(c, kOperators);
                      has_operator = op.has_value();
                      requirement.op = op.value_or(Operator::Exists);
                    }},
                   {"values", [&](const Cursor& c) { read_values(c, requirement); }}});
  if (at.errors() == before) check_requirement(at, requirement, has_operator);
  return requirement;
}

void read_requirements(const Cursor& at, std::vector<policy::LabelRequirement>& requirements) {
  const auto items = at.items();
  if (!items) return;
  for (const Cursor& item : *items) requirements.push_back(read_requirement(item));
}

}  // namespace

std::optional<policy::Selector> read_label_selector(const Cursor& at) {
  const std::size_t before = at.errors();
  policy::Labels match_labels;
  std::vector<policy::LabelRequirement> requirements;
  read_fields(at, {{"matchLabels", [&](const Cursor& c) { match_labels = read_labels(c); }},
                   {"matchExpressions", [&](const Cursor& c) { read_requirements(c, requirements); }}});
  if (at.errors() != before) return std::nullopt;
  return policy::from_label_selector(match_labels, requirements);
}

std::optional<policy::Selector> read_selector_text(const Cursor& at) {
  const auto text = at.text();
  if (!text) return std::nullopt;
  auto selector = policy::parse_selector(*text);
  if (!selector) {
    at.error(selector.error().message);
    return std::nullopt;
  }
  return *std::move(selector);
}

policy::Selector over_namespaces(policy::Selector selector) {
  return policy::with_prefix(std::move(selector), policy::kNamespacePrefix, policy::kNamespaceLabel);
}

policy::Selector over_service_accounts(policy::Selector selector) {
  return policy::with_prefix(std::move(selector), policy::kServiceAccountPrefix, policy::kServiceAccountLabel);
}

policy::Selector in_namespace(const std::string& ns) {
  return policy::equals(std::string(policy::kNamespaceLabel), ns);
}

policy::Selector only_pods(std::vector<policy::Selector> terms) {
  terms.insert(terms.begin(), policy::equals(std::string(policy::kOrchestratorLabel), "k8s"));
  return policy::conjunction(std::move(terms));
}

}  // namespace tierwall::daemon

#include "daemon/sources/decode_rules.h"

#include <utility>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

void close_allows(std::vector<policy::Rule>& rules) {
  for (policy::Rule& rule : rules) {
    if (rule.action != policy::Action::Allow) continue;
    policy::Rule closed = closed_rule(rule.action, rule.number);
    closed.annotations = std::move(rule.annotations);
    rule = std::move(closed);
  }
}

}  // namespace

policy::Rule closed_rule(policy::Action action, int number) {
  return {.action = action, .number = number, .understood = false};
}

RuleSection read_ordered_rules(const Cursor& at, std::size_t most, const ReadRule& read_rule) {
  RuleSection section;
  section.written = true;
  const auto items = at.items();
  if (!items) {
    section.rules.push_back(closed_rule(policy::Action::Deny, 1));
    return section;
  }
  section.written = !items->empty();
  int number = 0;
  for (const Cursor& item : *items) {
    ++number;
    if (static_cast<std::size_t>(number) > most) {
      at.error(fmt::format("at most {} rules, has {}", most, items->size()));
      section.rules.push_back(closed_rule(policy::Action::Deny, number));
      break;
    }
    const std::size_t before = at.errors();
    read_rule(item, number, section.rules);
    section.errors += at.errors() - before;
  }
  return section;
}

void close_if_surrounded(std::size_t errors, RuleSection& ingress, RuleSection& egress) {
  if (errors == ingress.errors + egress.errors) return;
  close_allows(ingress.rules);
  close_allows(egress.rules);
}

}  // namespace tierwall::daemon

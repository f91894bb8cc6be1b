#include "daemon/ctl/rule_lines.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "daemon/ctl/reason_text.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

/// One rule as written. It may have been resolved into several, one per peer and protocol.
struct WrittenRule {
  int first = 0;
  int last = 0;  ///< greater than `first` where neighbours that fail alike are one line
  std::size_t count = 1;
  std::string label;  ///< "Allow", 'Deny "no-metadata"'
  std::vector<std::string> reasons;
  bool matches = false;
  bool decides = false;
};

std::string label_of(const policy::ResolvedRule& rule) {
  std::string label(policy::print_action(rule.action));
  if (const auto name = rule.annotations.find("name")) label += fmt::format(" \"{}\"", *name);
  return label;
}

void add_answer(WrittenRule& written, const policy::NodePolicy& resolved, const policy::ResolvedRule& rule,
                const AskedRule& asked, const policy::Flow& flow) {
  if (!asked.unmet) {
    // It is enough that one of its alternatives matches: why the others do not is of no interest then.
    written.matches = true;
    written.reasons = {describe_match(rule)};
    return;
  }
  if (written.matches) return;
  std::string reason = describe_unmet(resolved, rule, *asked.unmet, flow);
  if (std::ranges::find(written.reasons, reason) == written.reasons.end()) written.reasons.push_back(std::move(reason));
}

std::vector<WrittenRule> collect(const policy::NodePolicy& resolved, const std::vector<policy::ResolvedRule>& rules,
                                 const std::vector<AskedRule>& asked, bool decided, const policy::Flow& flow) {
  std::vector<WrittenRule> collected;
  for (const AskedRule& answer : asked) {
    const policy::ResolvedRule& rule = rules[answer.index];
    if (collected.empty() || collected.back().first != rule.number) {
      WrittenRule& added = collected.emplace_back();
      added.first = added.last = rule.number;
      added.label = label_of(rule);
    }
    add_answer(collected.back(), resolved, rule, answer, flow);
  }
  if (decided && !collected.empty()) collected.back().decides = true;
  return collected;
}

/// Joins neighbours that fail for the same reasons.
std::vector<WrittenRule> fold(std::vector<WrittenRule> rules) {
  std::vector<WrittenRule> folded;
  for (WrittenRule& rule : rules) {
    const bool alike = !folded.empty() && !rule.matches && !folded.back().matches &&
                       folded.back().label == rule.label && folded.back().reasons == rule.reasons;
    if (alike) {
      folded.back().last = rule.last;
      ++folded.back().count;
    } else {
      folded.push_back(std::move(rule));
    }
  }
  return folded;
}

RuleLine print(const WrittenRule& rule) {
  constexpr std::size_t kShownReasons = 3;
  std::vector<std::string> reasons = rule.reasons;
  if (reasons.size() > kShownReasons) {
    reasons.resize(kShownReasons);
    reasons.push_back(fmt::format("and {} more reasons", rule.reasons.size() - kShownReasons));
  }
  const std::string numbers =
      rule.count == 1 ? fmt::format("rule {}", rule.first) : fmt::format("rules {}-{}", rule.first, rule.last);
  return {fmt::format("{} {}: {}", numbers, rule.label, join(reasons, "; ")), rule.decides};
}

/// The line for what is not shown, from `begin` to `end`.
RuleLine print_rest(std::vector<WrittenRule>::const_iterator begin, std::vector<WrittenRule>::const_iterator end) {
  std::size_t rules = 0;
  bool matches = false;
  for (auto rule = begin; rule != end; ++rule) {
    rules += rule->count;
    matches = matches || rule->matches;
  }
  const std::string_view verb = matches ? "decide" : "match";
  return {rules == 1 ? fmt::format("... and 1 more rule, which does not {}", verb)
                     : fmt::format("... and {} more rules, none {}{}", rules, verb, matches ? "s" : "es"),
          false};
}

}  // namespace

std::vector<RuleLine> list_rules(const policy::NodePolicy& resolved, const std::vector<policy::ResolvedRule>& rules,
                                 const std::vector<AskedRule>& asked, bool decided, const policy::Flow& flow) {
  const std::vector<WrittenRule> written = fold(collect(resolved, rules, asked, decided, flow));
  // The deciding rule is the last that was asked, and keeps its line.
  const std::size_t before = written.size() - (decided ? 1 : 0);
  const std::size_t shown = std::min(before, kShownRuleLines - (decided ? 1 : 0));
  std::vector<RuleLine> lines;
  for (std::size_t i = 0; i < shown; ++i) lines.push_back(print(written[i]));
  const auto at = [&](std::size_t i) { return written.begin() + static_cast<std::ptrdiff_t>(i); };
  if (shown < before) lines.push_back(print_rest(at(shown), at(before)));
  if (decided) lines.push_back(print(written.back()));
  return lines;
}

}  // namespace tierwall::daemon::ctl

#include "daemon/ctl/staged_text.h"

#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "daemon/ctl/host_text.h"
#include "daemon/ctl/sentence.h"
#include "daemon/ctl/side_text.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Decision;
using policy::Direction;
using policy::Verdict;

const std::optional<Decision>& side_of(const Connection& connection, Direction direction) {
  return direction == Direction::Egress ? connection.decision.egress : connection.decision.ingress;
}

/// The same verdict, for the same reason.
bool decides_alike(const std::optional<Decision>& left, const std::optional<Decision>& right) {
  if (!left || !right) return left.has_value() == right.has_value();
  const auto essence = [](const Decision& decision) {
    return std::tie(decision.verdict, decision.reason, decision.tier, decision.policy, decision.rule, decision.host);
  };
  return essence(*left) == essence(*right);
}

std::vector<Direction> changed_sides(const Answer& answer) {
  std::vector<Direction> changed;
  for (const Direction direction : policy::kDirections) {
    if (!decides_alike(side_of(answer.today, direction), side_of(*answer.staged, direction))) {
      changed.push_back(direction);
    }
  }
  return changed;
}

/// What crosses a node crosses the same host endpoints in both worlds: staged policies change policies only.
std::vector<std::size_t> changed_crossings(const Answer& answer) {
  std::vector<std::size_t> changed;
  for (std::size_t i = 0; i < answer.today.crossing.size(); ++i) {
    if (!decides_alike(answer.today.crossing[i].decision, answer.staged->crossing[i].decision)) changed.push_back(i);
  }
  return changed;
}

std::string print_verdicts(const Connection& connection, bool color) {
  const Verdict verdict = connection.decision.verdict;
  std::string text =
      paint(policy::print_verdict(verdict), verdict == Verdict::Allow ? Color::Green : Color::Red, color);
  std::vector<std::string> sides;
  for (const Direction direction : policy::kDirections) {
    const std::optional<Decision>& decision = side_of(connection, direction);
    if (!decision) continue;
    sides.push_back(fmt::format("{} {}", policy::print_direction(direction), policy::print_verdict(decision->verdict)));
  }
  for (const HostAnswer& answer : connection.crossing) {
    sides.push_back(
        fmt::format("{} {}", answer.decision.host->endpoint, policy::print_verdict(answer.decision.verdict)));
  }
  return sides.empty() ? text : fmt::format("{} ({})", text, join(sides, ", "));
}

}  // namespace

std::string print_staged_sides(const Answer& answer, const PolicyView& view, bool color) {
  std::string text;
  for (const Direction direction : changed_sides(answer)) {
    text += "\nwith staged policies enforced, " + print_side(*answer.staged, view, direction, color);
  }
  for (const std::size_t i : changed_crossings(answer)) {
    const HostAnswer& crossing = answer.staged->crossing[i];
    const std::string title = fmt::format("\nwith staged policies enforced, crossing node {}, HostEndpoint {}",
                                          crossing.passage.node, crossing.decision.host->endpoint);
    text += print_host_answer(title, crossing, answer.staged->flow, view, color);
  }
  return text;
}

std::string summarise_change(const Answer& answer) {
  const std::vector<Direction> changed = changed_sides(answer);
  const std::vector<std::size_t> crossings = changed_crossings(answer);
  if (changed.empty() && crossings.empty())
    return "Nothing changes: with the staged policies enforced the same decides.";
  std::vector<std::string> clauses;
  for (const Direction direction : changed) {
    const Party& party = direction == Direction::Egress ? answer.today.source : answer.today.destination;
    clauses.push_back(fmt::format("{} decides the {} of {} instead of {}",
                                  name_decider(*side_of(*answer.staged, direction)), policy::print_direction(direction),
                                  party.words, name_decider(*side_of(answer.today, direction))));
  }
  for (const std::size_t i : crossings) {
    clauses.push_back(
        fmt::format("{} decides what crosses node {} instead of {}", name_decider(answer.staged->crossing[i].decision),
                    answer.today.crossing[i].passage.node, name_decider(answer.today.crossing[i].decision)));
  }
  const Verdict today = answer.today.decision.verdict;
  const Verdict staged = answer.staged_verdict();
  const std::string what = today == staged           ? "The verdict stays, for another reason"
                           : staged == Verdict::Deny ? "The staged policies would close this"
                                                     : "The staged policies would open this";
  return fmt::format("{}: {}.", what, join(clauses, ", and "));
}

std::string compare_with_staged(const Answer& answer, bool color) {
  Columns columns;
  columns.add({"today:", print_verdicts(answer.today, color)});
  columns.add({"with staged policies enforced:", print_verdicts(*answer.staged, color)});
  return columns.print() + wrap(summarise_change(answer), 0, 0);
}

}  // namespace tierwall::daemon::ctl

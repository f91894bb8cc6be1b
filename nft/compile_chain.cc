#include "nft/compile_chain.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "nft/field.h"
#include "nft/merge_decisions.h"
#include "nft/names.h"
#include "nft/print.h"
#include "nft/table_words.h"

namespace tierwall::nft {

namespace {

using policy::Action;
using policy::Direction;
using policy::PolicyClass;

/// The kernel follows 16 levels of jump and goto, the base chain included (NFT_JUMP_STACK_SIZE); it counts both when
/// it validates a table.
constexpr std::size_t kMaxNesting = 15;

/// Cells may hold so many decisions together; a list that would need more hardly speaks of ports, and is not split.
constexpr std::size_t kMostInCells = 200'000;

/// Fewer single ports than this are not worth a lookup of their own before that of the ranges.
constexpr std::size_t kFewPorts = 8;

/// How deep a treatment goes when it is split, beside its nested tiers: itself, a cell, the chain that rejects.
constexpr std::size_t kLevelsOfSplit = 3;

const Verdict kReturns{Verdict::Code::Return, {}};

Verdict go_to(const std::string& chain) {
  return chain.empty() ? kReturns : Verdict{Verdict::Code::Goto, chain};
}

/// Every policy rule is counted, and what is denied at an end. Not what an end lets through: most pods that no policy
/// selects would need a chain only for that.
bool is_counted(const Decision& decision) {
  return decision.of_rule || decision.action == Action::Deny;
}

Field destination_port(policy::Protocol protocol) {
  return in_protocol(Field::ThDport, protocol.number);
}

/// How many tiers nest: those that some packets leave early and others not.
std::size_t depth_of(const DecisionList& decisions) {
  std::set<std::size_t> stages;
  for (const Decision& decision : decisions) {
    if (decision.action == Action::Pass && !is_final(decision)) stages.insert(decision.stage);
  }
  return stages.size();
}

std::size_t depth_of(const SplitDecisions& split) {
  std::size_t depth = depth_of(split.others);
  for (const ProtocolCells& protocol : split.protocols) {
    for (const PortCell& cell : protocol.cells) depth = std::max(depth, depth_of(cell.decisions));
  }
  return depth;
}

}  // namespace

std::string ChainCompiler::compile(const policy::Treatment& treatment) {
  DecisionList decisions = drop_unreachable(list_decisions(policy_, treatment, unions_.family(), unions_.names()));
  if (decisions.size() > flattening_.readable) {
    decisions = merge(treatment, decisions);
    if (decisions.size() > flattening_.readable) {
      const auto split = split_by_port(decisions, kMostInCells);
      if (split && depth_of(*split) + kLevelsOfSplit <= deepest()) return compile_split(treatment, decisions, *split);
    }
  }
  return chain_from({treatment, decisions}, decisions.begin(), 1);
}

/// Rejecting is one level more. Telling is not worth one: where there is none left, a denial just drops.
std::size_t ChainCompiler::deepest() const {
  return style_.deny.code == Verdict::Code::Goto && !tells() ? kMaxNesting - 1 : kMaxNesting;
}

bool ChainCompiler::tells() const {
  return style_.deny.chain == kDeniedChain;
}

DecisionList ChainCompiler::merge(const policy::Treatment& treatment, const DecisionList& decisions) {
  return merge_runs(decisions, flattening_.apart, treatment.direction, unions_);
}

/// The chain of the decisions from `first` on. Every stage has an end, so a Pass before it needs a chain of what
/// follows; an end that passes on, with no Pass before it, just lets the chain go on.
std::string ChainCompiler::chain_from(const List& list, Position first, std::size_t nesting) {
  Chain chain;
  std::vector<std::vector<RulePlace>> places;
  std::vector<std::size_t> stages;
  bool passed = false;  // within the stage
  for (Position at = first; at != list.decisions.end(); ++at) {
    if (stages.empty() || stages.back() != at->stage) {
      stages.push_back(at->stage);
      passed = false;
    }
    const bool passes = at->action == Action::Pass;
    if (passes && !passed && is_final(*at) && (list.split || !at->of_rule)) continue;
    passed = passed || passes;
    const Verdict pass = passes ? behind_stage(list, at, nesting) : Verdict{};
    const std::string comment = describe_rule(*at);
    chain.rules.push_back({at->matches, action_of(*at, comment, list.treatment, pass), comment});
    if (is_counted(*at)) chain.rules.back().counter = add_counter(*at, list.treatment);
    places.push_back(at->stands_for);
    if (is_final(*at)) break;
  }
  return add_chain(std::move(chain), std::move(places), list.treatment, stages, nesting);
}

/// "tier default, NetworkPolicy shop/web, rule 1"; of several the number, the first and the last.
std::string ChainCompiler::describe_rule(const Decision& decision) const {
  const std::vector<RulePlace>& rules = decision.stands_for;
  const std::string first = describe(rules.front(), policy_);
  if (rules.size() == 1) return to_comment(first);
  return to_comment(std::to_string(rules.size()) + " rules, from " + first + " to " + describe(rules.back(), policy_));
}

std::string ChainCompiler::add_counter(const Decision& decision, const policy::Treatment& treatment) {
  CountedRules counted = count_together(decision.stands_for, treatment.direction, decision.action, policy_);
  Counter counter = make_counter(counted);
  std::string name = counter.name;
  places_.counted.try_emplace(name, std::move(counted));
  ruleset_.counters.try_emplace(name, std::move(counter));
  return name;
}

/// How a packet gets from a stage to what follows it: everything behind returns, or the chain of the rest decides.
Verdict ChainCompiler::behind_stage(const List& list, Position decision, std::size_t nesting) {
  const Position next =
      std::find_if(decision, list.decisions.end(), [&](const Decision& d) { return d.stage > decision->stage; });
  return next == list.decisions.end() ? kReturns : go_to(chain_from(list, next, nesting + 1));
}

std::string ChainCompiler::compile_split(const policy::Treatment& treatment, const DecisionList& decisions,
                                         const SplitDecisions& split) {
  Chain chain;
  for (const ProtocolCells& protocol : split.protocols) append_dispatch(chain, treatment, protocol);
  const DecisionList others = drop_unreachable(split.others);
  const Verdict rest = go_to(chain_from({treatment, others, true}, others.begin(), 2));
  const bool all_alike =
      std::ranges::all_of(chain.rules, [&](const Rule& rule) { return rule.action == RuleAction{rest}; });
  if (all_alike) return rest.chain;  // ports and protocols made no difference
  chain.rules.push_back({{}, rest, "other protocols"});
  std::vector<std::size_t> stages;
  for (const Decision& decision : decisions) {
    if (stages.empty() || stages.back() != decision.stage) stages.push_back(decision.stage);
  }
  return add_chain(std::move(chain), {}, treatment, stages, 1);
}

void ChainCompiler::append_dispatch(Chain& chain, const policy::Treatment& treatment, const ProtocolCells& protocol) {
  if (protocol.cells.size() == 1) {
    chain.rules.push_back({{is_number(Field::L4Proto, protocol.protocol.number)},
                           to_cell(treatment, protocol.cells.front()),
                           policy::print_protocol(protocol.protocol)});
    return;
  }
  std::vector<Element> single;
  std::vector<Element> ranges;
  for (const PortCell& cell : protocol.cells) {
    const Verdict verdict = to_cell(treatment, cell);
    for (const policy::PortRange& range : cell.ports) {
      const Element element{make_port_key(range.first), make_port_key(range.last), verdict, {}};
      (range.first == range.last ? single : ranges).push_back(element);
    }
  }
  if (single.size() <= kFewPorts) {
    std::ranges::move(single, std::back_inserter(ranges));
  } else {
    for (Element& element : single) element.last.clear();
    append_port_map(chain, treatment, protocol.protocol, false, std::move(single));
  }
  append_port_map(chain, treatment, protocol.protocol, true, std::move(ranges));
}

/// Named by its content, as a chain is.
void ChainCompiler::append_port_map(Chain& chain, const policy::Treatment& treatment, policy::Protocol protocol,
                                    bool interval, std::vector<Element> elements) {
  std::ranges::sort(elements);
  const std::string words = policy::print_protocol(protocol);
  Set map{{}, {FieldType::InetService}, interval, true, "", std::move(elements)};
  std::string content = interval ? "ranges\n" : "single\n";
  for (const Element& element : map.elements) content += print_element(map, element) + "\n";
  map.name = prefix_of(treatment) + words + "-" + fingerprint(content);
  chain.rules.push_back({{},
                         VerdictMapLookup{destination_port(protocol), map.name},
                         words + (interval ? ": by ranges of destination ports" : ": by single destination ports")});
  const auto [entry, added] = ruleset_.sets.try_emplace(map.name, map);
  if (!added && entry->second != map) {
    error_ = Error{ErrorKind::Unsupported, "two different maps have the fingerprint " + map.name};
  }
}

Verdict ChainCompiler::to_cell(const policy::Treatment& treatment, const PortCell& cell) {
  const DecisionList decisions = drop_unreachable(merge(treatment, drop_unreachable(cell.decisions)));
  return go_to(chain_from({treatment, decisions, true}, decisions.begin(), 2));
}

RuleAction ChainCompiler::action_of(const Decision& decision, const std::string& comment,
                                    const policy::Treatment& treatment, const Verdict& pass) const {
  switch (decision.action) {
    case Action::Allow:
      if (tiers_may_deny(treatment.policy_class)) return kReturns;
      return SetMark{style_.mark, treatment.policy_class == PolicyClass::Untracked, {Verdict::Code::Accept, {}}};
    case Action::Deny:
      return style_.deny;
    case Action::Pass:
      return pass;
    case Action::Log:
      return Log{"tierwall: " + comment.substr(0, 115) + ": "};
  }
  TIERWALL_CHECK(false);
}

/// Pods: "in4-"; host endpoints: "hu-in4-" untracked, "hp-" preDNAT, "hn-" normal, "hf-" forward.
std::string ChainCompiler::prefix_of(const policy::Treatment& treatment) const {
  constexpr const char* kClasses[] = {"hu-", "hp-", "hn-", "hf-"};
  const std::string of_class = style_.of_host ? kClasses[static_cast<std::size_t>(treatment.policy_class)] : "";
  return of_class + (treatment.direction == Direction::Egress ? "eg" : "in") + family_suffix(unions_.family()) + "-";
}

/// Names the chain by its content and adds it; nothing is added for a chain that only returns.
std::string ChainCompiler::add_chain(Chain chain, std::vector<std::vector<RulePlace>> places,
                                     const policy::Treatment& treatment, const std::vector<std::size_t>& stages,
                                     std::size_t nesting) {
  const auto does_nothing = [](const Rule& rule) {
    return rule.action == RuleAction{kReturns} && rule.counter.empty();
  };
  while (!chain.rules.empty() && does_nothing(chain.rules.back())) chain.rules.pop_back();
  if (chain.rules.empty()) return {};
  if (nesting == kMaxNesting && tells()) {
    for (Rule& rule : chain.rules) {
      if (rule.action == RuleAction{style_.deny}) rule.action = Verdict{Verdict::Code::Drop, {}};
    }
  }
  if (nesting > deepest()) {
    error_ = Error{ErrorKind::Unsupported,
                   "more than " + std::to_string(deepest()) +
                       " tiers with Pass rules follow each other, which is deeper than the kernel follows"};
  }
  std::string words = style_.of_host ? "host endpoints, " + std::string(print_class(treatment.policy_class)) + " " : "";
  words += std::string(policy::print_direction(treatment.direction)) + ", tiers: ";
  const char* before = "";
  for (const std::size_t stage : stages) {
    if (stage == treatment.steps.size()) continue;  // the profiles
    words += before + policy_.tiers[treatment.steps[stage].tier].name;
    before = ", ";
  }
  chain.comment = to_comment(words);
  std::string content = chain.comment + "\n";
  for (const Rule& rule : chain.rules) content += print(rule) + "\n";
  chain.name = prefix_of(treatment) + fingerprint(content);
  places.resize(chain.rules.size());
  places_.of_rules.try_emplace(chain.name, std::move(places));
  const auto [entry, added] = ruleset_.chains.try_emplace(chain.name, chain);
  if (!added && entry->second != chain) {
    error_ = Error{ErrorKind::Unsupported, "two different chains have the fingerprint " + chain.name};
  }
  return chain.name;
}

}  // namespace tierwall::nft

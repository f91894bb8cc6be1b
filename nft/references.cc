#include "nft/references.h"

namespace tierwall::nft {

namespace {

using Kind = PartName::Kind;

void append(std::vector<PartName>& referred, const Verdict& verdict) {
  if (!verdict.chain.empty()) referred.push_back({Kind::Chain, verdict.chain});
}

void append(std::vector<PartName>& referred, const Rule& rule) {
  if (!rule.counter.empty()) referred.push_back({Kind::Counter, rule.counter});
  for (const Match& match : rule.matches) {
    if (const auto* in = std::get_if<InSet>(&match.right)) referred.push_back({Kind::Set, in->set});
  }
  if (const auto* verdict = std::get_if<Verdict>(&rule.action)) append(referred, *verdict);
  if (const auto* mark = std::get_if<SetMark>(&rule.action)) append(referred, mark->verdict);
  if (const auto* lookup = std::get_if<VerdictMapLookup>(&rule.action)) referred.push_back({Kind::Set, lookup->map});
}

}  // namespace

std::vector<PartName> referred_by(const Chain& chain) {
  std::vector<PartName> referred;
  for (const Rule& rule : chain.rules) append(referred, rule);
  return referred;
}

std::vector<PartName> referred_by(const Set& set) {
  std::vector<PartName> referred;
  for (const Element& element : set.elements) {
    if (element.verdict) append(referred, *element.verdict);
  }
  return referred;
}

References::References(const Ruleset& ruleset) {
  for (const auto& [name, chain] : ruleset.chains) add(referred_by(chain));
  for (const auto& [name, set] : ruleset.sets) {
    if (set.verdict_map) add(referred_by(set));
  }
  const auto keep = [&](Kind kind, const auto& parts) {
    for (const auto& entry : parts) counts_.try_emplace({kind, entry.first}, 1);
  };
  keep(Kind::Chain, ruleset.chains);
  keep(Kind::Set, ruleset.sets);
  keep(Kind::Counter, ruleset.counters);
}

void References::add(const std::vector<PartName>& referred) {
  for (const PartName& part : referred) ++counts_[part];
}

std::vector<PartName> References::remove(const std::vector<PartName>& referred) {
  std::vector<PartName> left;
  for (const PartName& part : referred) {
    const auto count = counts_.find(part);
    TIERWALL_CHECK(count != counts_.end());
    if (--count->second > 0) continue;
    counts_.erase(count);
    left.push_back(part);
  }
  return left;
}

}  // namespace tierwall::nft

#include "nft/split_by_port.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>

#include "nft/field.h"

namespace tierwall::nft {

namespace {

using policy::PortRange;
using policy::Protocol;
using Ports = std::vector<PortRange>;

constexpr Protocol kWithPorts[] = {policy::kTcp, policy::kUdp, policy::kSctp};
constexpr std::uint32_t kLastPort = 65535;

bool contains(const Numbers& numbers, std::uint32_t number) {
  return std::ranges::any_of(numbers, [&](const Interval& i) { return i.first <= number && number <= i.last; });
}

Ports complement(const Numbers& numbers) {
  Ports ports;
  std::uint32_t next = 0;
  for (const Interval& interval : numbers) {
    if (next < interval.first) {
      ports.push_back({static_cast<std::uint16_t>(next), static_cast<std::uint16_t>(interval.first - 1)});
    }
    next = interval.last + 1;
  }
  if (next <= kLastPort) ports.push_back({static_cast<std::uint16_t>(next), kLastPort});
  return ports;
}

Ports to_ports(const Match& match) {
  const Numbers& numbers = std::get<Numbers>(match.right);
  if (match.negated) return complement(numbers);
  Ports ports;
  for (const Interval& i : numbers) {
    ports.push_back({static_cast<std::uint16_t>(i.first), static_cast<std::uint16_t>(i.last)});
  }
  return ports;
}

Ports intersect(const Ports& left, const Ports& right) {
  Ports both;
  for (const PortRange& a : left) {
    for (const PortRange& b : right) {
      const PortRange common{std::max(a.first, b.first), std::min(a.last, b.last)};
      if (common.first <= common.last) both.push_back(common);
    }
  }
  return both;
}

bool is_destination_port(Field field) {
  return field == Field::ThDport || field == Field::TcpDport || field == Field::UdpDport || field == Field::SctpDport;
}

/// A decision as packets of one protocol meet it: at these ports, with these matches left to ask.
struct Restricted {
  Ports ports = {{0, kLastPort}};
  std::vector<Match> matches;
};

/// Nothing if no packet of the protocol can match.
std::optional<Restricted> restrict_to(const Decision& decision, Protocol protocol) {
  Restricted restricted;
  for (const Match& match : decision.matches) {
    if (match.fields.size() > 1) {
      restricted.matches.push_back(match);
      continue;
    }
    const Field field = match.fields[0];
    if (field == Field::L4Proto) {
      if (contains(std::get<Numbers>(match.right), protocol.number) == match.negated) return std::nullopt;
      continue;
    }
    if (const std::uint8_t of = layout(field).l4proto; of != 0 && of != protocol.number) return std::nullopt;
    if (is_destination_port(field)) {
      restricted.ports = intersect(restricted.ports, to_ports(match));
      continue;
    }
    restricted.matches.push_back(match);
    restricted.matches.back().fields[0] = in_protocol(field, protocol.number);
  }
  return restricted;
}

bool speaks_of_others(const Decision& decision) {
  return std::ranges::none_of(decision.matches, [](const Match& match) {
    if (match.fields.size() > 1) return std::ranges::count(match.fields, Field::ThDport) > 0 && !match.negated;
    if (match.fields[0] == Field::L4Proto) {
      return !match.negated && std::ranges::all_of(std::get<Numbers>(match.right), [](const Interval& interval) {
        return interval.first == interval.last &&
               std::ranges::any_of(kWithPorts, [&](Protocol protocol) { return protocol.number == interval.first; });
      });
    }
    const std::uint8_t of = layout(match.fields[0]).l4proto;
    return std::ranges::any_of(kWithPorts, [&](Protocol protocol) { return protocol.number == of; });
  });
}

/// One protocol: every port's decisions, as indices, in spans of ports that have the same.
class PortLine {
 public:
  PortLine(const DecisionList& decisions, Protocol protocol) : decisions_(decisions), protocol_(protocol) {
    for (const Decision& decision : decisions) restricted_.push_back(restrict_to(decision, protocol));
    starts_ = {0};
    for (const auto& restricted : restricted_) {
      if (!restricted) continue;
      for (const PortRange& range : restricted->ports) {
        starts_.push_back(range.first);
        if (range.last < kLastPort) starts_.push_back(std::uint32_t{range.last} + 1);
      }
    }
    std::ranges::sort(starts_);
    starts_.erase(std::unique(starts_.begin(), starts_.end()), starts_.end());
    met_.resize(starts_.size());
  }

  /// How many decisions the spans meet together, as long as that is not more than `most`.
  std::optional<std::size_t> fill(std::size_t most) {
    std::size_t total = 0;
    for (std::size_t index = 0; index < restricted_.size(); ++index) {
      if (!restricted_[index]) continue;
      for (const PortRange& range : restricted_[index]->ports) {
        for (std::size_t span = find_span(range.first); span < starts_.size() && starts_[span] <= range.last; ++span) {
          met_[span].push_back(index);
          if (++total > most) return std::nullopt;
        }
      }
    }
    return total;
  }

  [[nodiscard]] ProtocolCells cells() const {
    ProtocolCells result{protocol_, {}};
    std::map<std::vector<std::size_t>, std::size_t> index;
    for (std::size_t span = 0; span < starts_.size(); ++span) {
      const auto [entry, added] = index.try_emplace(met_[span], result.cells.size());
      if (added) result.cells.push_back({{}, decisions_of(met_[span])});
      append(result.cells[entry->second].ports, range_of(span));
    }
    return result;
  }

 private:
  [[nodiscard]] std::size_t find_span(std::uint32_t port) const {
    return static_cast<std::size_t>(std::ranges::lower_bound(starts_, port) - starts_.begin());
  }

  [[nodiscard]] PortRange range_of(std::size_t span) const {
    const std::uint32_t last = span + 1 < starts_.size() ? starts_[span + 1] - 1 : kLastPort;
    return {static_cast<std::uint16_t>(starts_[span]), static_cast<std::uint16_t>(last)};
  }

  static void append(Ports& ports, const PortRange& range) {
    if (!ports.empty() && ports.back().last + 1 == range.first) {
      ports.back().last = range.last;
    } else {
      ports.push_back(range);
    }
  }

  [[nodiscard]] DecisionList decisions_of(const std::vector<std::size_t>& indices) const {
    DecisionList met;
    for (const std::size_t index : indices) {
      Decision decision = decisions_[index];
      decision.matches = restricted_[index]->matches;
      met.push_back(std::move(decision));
    }
    return met;
  }

  const DecisionList& decisions_;
  Protocol protocol_;
  std::vector<std::optional<Restricted>> restricted_;  // by decision
  std::vector<std::uint32_t> starts_;                  // of spans, sorted
  std::vector<std::vector<std::size_t>> met_;          // by span
};

}  // namespace

std::optional<SplitDecisions> split_by_port(const DecisionList& decisions, std::size_t most) {
  SplitDecisions split;
  for (const Protocol protocol : kWithPorts) {
    PortLine line(decisions, protocol);
    const std::optional<std::size_t> met = line.fill(most);
    if (!met) return std::nullopt;
    most -= *met;
    split.protocols.push_back(line.cells());
  }
  std::ranges::copy_if(decisions, std::back_inserter(split.others), speaks_of_others);
  return split;
}

}  // namespace tierwall::nft

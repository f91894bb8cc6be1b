#include "nft/canonical.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "nft/field.h"

namespace tierwall::nft {

namespace {

using policy::Address;
using policy::AddressRange;

/// first + 1 == second, within one family. The successor of the highest address is not an address.
bool is_next(const Address& first, const Address& second) {
  if (first.family != second.family) return false;
  Address next = first;
  for (std::size_t i = first.octets().size(); i-- > 0;) {
    if (++next.bytes[i] != 0) return next == second;
  }
  return false;
}

bool is_next(std::uint32_t first, std::uint32_t second) {
  return first + 1 == second && second != 0;
}

/// nft joins neighbours only in anonymous sets that hold intervals; sets of single values stay as they are.
template <typename Range>
void join_neighbours(std::vector<Range>& ranges) {
  const bool has_interval = std::ranges::any_of(ranges, [](const Range& r) { return r.first != r.last; });
  if (!has_interval) return;
  std::vector<Range> joined;
  for (Range& range : ranges) {
    if (!joined.empty() && is_next(joined.back().last, range.first)) {
      joined.back().last = range.last;
    } else {
      joined.push_back(std::move(range));
    }
  }
  ranges = std::move(joined);
}

/// The number a match demands: FIELD NUMBER, not negated, no range.
std::optional<std::uint32_t> demanded(const Match& match) {
  const auto* numbers = std::get_if<Numbers>(&match.right);
  if (match.negated || numbers == nullptr || numbers->size() != 1) return std::nullopt;
  const Interval& only = numbers->front();
  return only.first == only.last ? std::optional(only.first) : std::nullopt;
}

bool demands(const Match& match, Field field) {
  return match.fields.size() == 1 && match.fields.front() == field && demanded(match).has_value();
}

/// What the fields of the rule imply by being there.
struct Implied {
  bool ipv4 = false, ipv6 = false;
  std::uint8_t l4proto = 0;

  void add(Field field) {
    const FieldLayout& row = layout(field);
    ipv4 |= row.nfproto == kNfprotoIpv4;
    ipv6 |= row.nfproto == kNfprotoIpv6;
    if (l4proto == 0) l4proto = row.l4proto;
  }
  [[nodiscard]] bool has_nfproto(std::uint32_t number) const {
    return (ipv4 && number == kNfprotoIpv4) || (ipv6 && number == kNfprotoIpv6);
  }
};

Implied implied_by(const Rule& rule) {
  Implied implied;
  for (const Match& match : rule.matches) {
    for (const Field field : match.fields) implied.add(field);
  }
  if (const auto* lookup = std::get_if<VerdictMapLookup>(&rule.action)) implied.add(lookup->field);
  return implied;
}

/// `meta l4proto tcp th dport 80` is `tcp dport 80`.
void name_transport_fields(Rule& rule) {
  std::uint8_t protocol = implied_by(rule).l4proto;
  for (const Match& match : rule.matches) {
    if (protocol == 0 && demands(match, Field::L4Proto)) protocol = static_cast<std::uint8_t>(*demanded(match));
  }
  for (Match& match : rule.matches) {
    for (Field& field : match.fields) field = in_protocol(field, protocol);
  }
}

void drop_implied(Rule& rule) {
  const Implied implied = implied_by(rule);
  std::vector<Match> kept;
  for (Match& match : rule.matches) {
    const bool dropped =
        (demands(match, Field::NfProto) && implied.has_nfproto(*demanded(match))) ||
        (demands(match, Field::L4Proto) && implied.l4proto != 0 && implied.l4proto == *demanded(match)) ||
        std::ranges::find(kept, match) != kept.end();
    if (!dropped) kept.push_back(std::move(match));
  }
  rule.matches = std::move(kept);
}

/// nft reads neighbouring header fields with one load, at the place of the later one and in header order.
void pair_up(Rule& rule, Field lower, Field upper) {
  auto& matches = rule.matches;
  const auto low = std::ranges::find_if(matches, [lower](const Match& m) { return demands(m, lower); });
  const auto high = std::ranges::find_if(matches, [upper](const Match& m) { return demands(m, upper); });
  if (low == matches.end() || high == matches.end()) return;
  if (low < high) {
    std::rotate(low, low + 1, high);
  } else {
    std::rotate(high, high + 1, low + 1);
  }
}

void join_neighbours(Rule& rule) {
  for (Match& match : rule.matches) {
    if (auto* numbers = std::get_if<Numbers>(&match.right)) join_neighbours(*numbers);
    if (auto* addresses = std::get_if<Addresses>(&match.right)) join_neighbours(*addresses);
  }
}

}  // namespace

Rule canonical(Rule rule) {
  join_neighbours(rule);
  name_transport_fields(rule);
  drop_implied(rule);
  pair_up(rule, Field::TcpSport, Field::TcpDport);
  pair_up(rule, Field::UdpSport, Field::UdpDport);
  pair_up(rule, Field::SctpSport, Field::SctpDport);
  pair_up(rule, Field::UdpliteSport, Field::UdpliteDport);
  pair_up(rule, Field::IcmpType, Field::IcmpCode);
  pair_up(rule, Field::Icmpv6Type, Field::Icmpv6Code);
  return rule;
}

std::optional<int> prefix_length(const AddressRange& range) {
  const auto first = range.first.octets();
  const auto last = range.last.octets();
  std::size_t common = 0;
  while (common < first.size() && first[common] == last[common]) ++common;
  if (common == first.size()) return static_cast<int>(common * 8);
  const int shared = std::countl_zero(static_cast<std::uint8_t>(first[common] ^ last[common]));
  const auto host_bits = static_cast<std::uint8_t>(0xffU >> shared);
  if ((first[common] & host_bits) != 0 || (last[common] & host_bits) != host_bits) return std::nullopt;
  for (std::size_t i = common + 1; i < first.size(); ++i) {
    if (first[i] != 0 || last[i] != 0xff) return std::nullopt;
  }
  return static_cast<int>(common * 8) + shared;
}

std::string quotable(std::string_view comment) {
  std::string text(comment);
  for (char& c : text) {
    if (c == '"') c = '\'';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

}  // namespace tierwall::nft

#include "policy/address.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "policy/quoted.h"

namespace tierwall::policy {

namespace {

/// How octets such as "010" are read: refused, because some programs take them for octal, or as decimal.
enum class LeadingZeros { Refused, Decimal };

constexpr std::size_t kGroups = 8;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<unsigned> read_decimal(std::string_view text, unsigned limit, LeadingZeros zeros) {
  if (text.empty()) return std::nullopt;
  if (zeros == LeadingZeros::Refused && text.size() > 1 && text.front() == '0') return std::nullopt;
  unsigned value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (value > limit) return std::nullopt;
  }
  return value;
}

std::optional<std::array<std::uint8_t, 4>> read_quad(std::string_view text, LeadingZeros zeros) {
  std::array<std::uint8_t, 4> quad{};
  for (std::size_t i = 0; i < quad.size(); ++i) {
    const std::size_t end = i + 1 == quad.size() ? text.size() : text.find('.');
    if (end == std::string_view::npos) return std::nullopt;
    const std::optional<unsigned> octet = read_decimal(text.substr(0, end), 255, zeros);
    if (!octet) return std::nullopt;
    quad[i] = static_cast<std::uint8_t>(*octet);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return quad;
}

std::optional<std::uint16_t> read_hex_group(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  unsigned value = 0;
  for (const char c : text) {
    unsigned digit = 0;
    if (is_digit(c)) {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<unsigned>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    value = value * 16 + digit;
  }
  return static_cast<std::uint16_t>(value);
}

using GroupList = std::vector<std::uint16_t>;

/// Groups between single colons; the last one may be a dotted quad if `quad_may_end`. Empty text has no groups.
std::optional<GroupList> read_groups(std::string_view text, bool quad_may_end, LeadingZeros zeros) {
  GroupList groups;
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    const std::string_view group = text.substr(0, colon);
    const bool last = colon == std::string_view::npos;
    if (last && quad_may_end && group.find('.') != std::string_view::npos) {
      const auto quad = read_quad(group, zeros);
      if (!quad) return std::nullopt;
      groups.push_back(static_cast<std::uint16_t>((*quad)[0] << 8 | (*quad)[1]));
      groups.push_back(static_cast<std::uint16_t>((*quad)[2] << 8 | (*quad)[3]));
      return groups;
    }
    const std::optional<std::uint16_t> value = read_hex_group(group);
    if (!value || groups.size() == kGroups) return std::nullopt;
    groups.push_back(*value);
    if (last) return groups;
    text.remove_prefix(colon + 1);
    if (text.empty()) return std::nullopt;  // a trailing single colon
  }
  return groups;
}

std::optional<Address> read_v6(std::string_view text, LeadingZeros zeros) {
  const std::size_t gap = text.find("::");
  const bool shortened = gap != std::string_view::npos;
  const auto head = read_groups(text.substr(0, gap), !shortened, zeros);
  const auto tail = shortened ? read_groups(text.substr(gap + 2), true, zeros) : std::optional(GroupList{});
  if (!head || !tail) return std::nullopt;
  const std::size_t count = head->size() + tail->size();
  if (shortened ? count >= kGroups : count != kGroups) return std::nullopt;
  Address address{.family = Family::V6, .bytes = {}};
  const auto store = [&address](std::size_t position, std::uint16_t value) {
    address.bytes[2 * position] = static_cast<std::uint8_t>(value >> 8);
    address.bytes[2 * position + 1] = static_cast<std::uint8_t>(value & 0xff);
  };
  for (std::size_t i = 0; i < head->size(); ++i) store(i, (*head)[i]);
  for (std::size_t i = 0; i < tail->size(); ++i) store(kGroups - tail->size() + i, (*tail)[i]);
  return address;
}

Address v4_address(std::span<const std::uint8_t> octets) {
  Address address;
  std::copy(octets.begin(), octets.end(), address.bytes.begin());
  return address;
}

std::optional<Address> read_address(std::string_view text, LeadingZeros zeros) {
  if (text.find(':') != std::string_view::npos) return read_v6(text, zeros);
  const auto quad = read_quad(text, zeros);
  if (!quad) return std::nullopt;
  return v4_address(*quad);
}

bool is_mapped(const Address& address) {
  if (address.family != Family::V6) return false;
  const auto zero_end = address.bytes.begin() + 10;
  return std::all_of(address.bytes.begin(), zero_end, [](std::uint8_t byte) { return byte == 0; }) &&
         address.bytes[10] == 0xff && address.bytes[11] == 0xff;
}

std::string print_quad(std::span<const std::uint8_t> octets) {
  std::string text;
  for (const std::uint8_t octet : octets) {
    if (!text.empty()) text += '.';
    text += std::to_string(octet);
  }
  return text;
}

std::string print_hex(std::uint16_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 12; shift >= 0; shift -= 4) {
    const unsigned digit = (static_cast<unsigned>(value) >> shift) & 0xf;
    if (digit != 0 || !text.empty() || shift == 0) text += kDigits[digit];
  }
  return text;
}

/// The groups that "::" stands for: the longest run of at least two zero groups, the first of equals (RFC 5952 4.2).
std::pair<std::size_t, std::size_t> longest_zero_run(const std::array<std::uint16_t, kGroups>& groups) {
  std::pair<std::size_t, std::size_t> best{kGroups, 0};
  for (std::size_t start = 0; start < kGroups; ++start) {
    std::size_t length = 0;
    while (start + length < kGroups && groups[start + length] == 0) ++length;
    if (length >= 2 && length > best.second) best = {start, length};
  }
  return best;
}

std::string print_v6(const Address& address) {
  if (is_mapped(address)) return "::ffff:" + print_quad(std::span(address.bytes).last(4));
  std::array<std::uint16_t, kGroups> groups{};
  for (std::size_t i = 0; i < kGroups; ++i) {
    groups[i] = static_cast<std::uint16_t>(address.bytes[2 * i] << 8 | address.bytes[2 * i + 1]);
  }
  const std::pair<std::size_t, std::size_t> run = longest_zero_run(groups);
  std::string text;
  for (std::size_t i = 0; i < kGroups; ++i) {
    if (i == run.first) {
      text += "::";
      i += run.second - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    text += print_hex(groups[i]);
  }
  return text;
}

/// Sets every bit from `length` on to `bit`.
Address with_host_bits(Address address, int length, bool bit) {
  for (int i = length; i < address_bits(address.family); ++i) {
    const auto mask = static_cast<std::uint8_t>(0x80 >> (i % 8));
    std::uint8_t& byte = address.bytes[static_cast<std::size_t>(i / 8)];
    byte = static_cast<std::uint8_t>(bit ? byte | mask : byte & ~mask);
  }
  return address;
}

int common_bits(const Address& left, const Address& right) {
  const int bits = address_bits(left.family);
  for (int i = 0; i < bits; ++i) {
    const auto byte = static_cast<std::size_t>(i / 8);
    if (((left.bytes[byte] ^ right.bytes[byte]) & (0x80 >> (i % 8))) != 0) return i;
  }
  return bits;
}

Prefix masked(const Address& address, int length) {
  return {.base = with_host_bits(address, length, false), .length = static_cast<std::uint8_t>(length)};
}

Result<int> read_length(std::string_view text, std::string_view whole, Family family) {
  const int bits = address_bits(family);
  const std::optional<unsigned> length = read_decimal(text, static_cast<unsigned>(bits), LeadingZeros::Refused);
  if (length) return static_cast<int>(*length);
  return malformed(quoted(whole) + " has no prefix length from 0 to " + std::to_string(bits));
}

Result<std::size_t> find_slash(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) return slash;
  return malformed(quoted(text) + " is not a CIDR: the prefix length is missing");
}

/// The address after this one; absent after the last of the family.
std::optional<Address> next_address(Address address) {
  for (std::size_t i = address.octets().size(); i-- > 0;) {
    address.bytes[i] = static_cast<std::uint8_t>(address.bytes[i] + 1);
    if (address.bytes[i] != 0) return address;
  }
  return std::nullopt;
}

/// Does `right` begin where `left` ends or earlier, so that there is no gap between them? Pre: left.first <=
/// right.first.
bool touches(const AddressRange& left, const AddressRange& right) {
  if (left.last.family != right.first.family) return false;
  return right.first <= left.last || next_address(left.last) == right.first;
}

}  // namespace

int address_bits(Family family) {
  return family == Family::V4 ? 32 : 128;
}

Result<Address> parse_address(std::string_view text) {
  const std::optional<Address> address = read_address(text, LeadingZeros::Refused);
  if (!address) {
    const bool zone = text.find('%') != std::string_view::npos;
    return malformed(quoted(text) + (zone ? " has a zone, which policy cannot match" : " is not an IP address"));
  }
  if (is_mapped(*address)) return malformed(quoted(text) + " is IPv4-mapped: write the IPv4 address");
  return *address;
}

std::string print_address(const Address& address) {
  return address.family == Family::V4 ? print_quad(address.octets()) : print_v6(address);
}

bool is_loopback(const Address& address) {
  if (address.family == Family::V4) return address.bytes[0] == 127;
  Address loopback{.family = Family::V6};
  loopback.bytes.back() = 1;
  return address == loopback;
}

bool Prefix::contains(const Address& address) const {
  return address.family == base.family && common_bits(base, address) >= length;
}

bool Prefix::contains(const Prefix& inner) const {
  return inner.length >= length && contains(inner.base);
}

Result<Prefix> parse_prefix(std::string_view text) {
  const Result<std::size_t> slash = find_slash(text);
  if (!slash) return slash.error();
  const Result<Address> address = parse_address(text.substr(0, *slash));
  if (!address) return address.error();
  const Result<int> length = read_length(text.substr(*slash + 1), text, address->family);
  if (!length) return length.error();
  return masked(*address, *length);
}

Result<Prefix> parse_legacy_prefix(std::string_view text) {
  const Result<std::size_t> slash = find_slash(text);
  if (!slash) return slash.error();
  const std::optional<Address> address = read_address(text.substr(0, *slash), LeadingZeros::Decimal);
  if (!address) return parse_prefix(text);  // which says what is wrong
  const Result<int> length = read_length(text.substr(*slash + 1), text, address->family);
  if (!length) return length.error();
  if (!is_mapped(*address)) return masked(*address, *length);
  if (*length < 96) return malformed(quoted(text) + " mixes IPv4 and IPv6: a mapped block is /96 or longer");
  return masked(v4_address(std::span(address->bytes).last(4)), *length - 96);
}

Result<Prefix> parse_prefix_or_address(std::string_view text) {
  if (text.find('/') != std::string_view::npos) return parse_prefix(text);
  const Result<Address> address = parse_address(text);
  if (!address) return address.error();
  return masked(*address, address_bits(address->family));
}

std::string print_prefix(const Prefix& prefix) {
  return print_address(prefix.base) + "/" + std::to_string(prefix.length);
}

AddressRange to_range(const Prefix& prefix) {
  return {.first = prefix.base, .last = with_host_bits(prefix.base, prefix.length, true)};
}

std::string print_range(const AddressRange& range) {
  if (range.first == range.last) return print_address(range.first);
  const Prefix prefix = masked(range.first, common_bits(range.first, range.last));
  if (to_range(prefix) == range) return print_prefix(prefix);
  return print_address(range.first) + "-" + print_address(range.last);
}

RangeSet RangeSet::of(std::span<const Prefix> prefixes) {
  // In order, every insertion happens at the end, so thousands of prefixes cost one sort.
  std::vector<Prefix> sorted(prefixes.begin(), prefixes.end());
  std::sort(sorted.begin(), sorted.end());
  RangeSet set;
  for (const Prefix& prefix : sorted) set.insert(prefix);
  return set;
}

void RangeSet::insert(const AddressRange& range) {
  TIERWALL_CHECK(range.first.family == range.last.family && range.first <= range.last);
  const auto begin = std::partition_point(ranges_.begin(), ranges_.end(), [&range](const AddressRange& known) {
    return known.first <= range.first && !touches(known, range);
  });
  AddressRange joined = range;
  auto end = begin;
  for (; end != ranges_.end() && (end->first <= joined.first || touches(joined, *end)); ++end) {
    joined.first = std::min(joined.first, end->first);
    joined.last = std::max(joined.last, end->last);
  }
  if (begin == end) {
    ranges_.insert(begin, joined);
  } else {
    *begin = joined;
    ranges_.erase(begin + 1, end);
  }
}

bool RangeSet::contains(const Address& address) const {
  const auto after = std::partition_point(ranges_.begin(), ranges_.end(),
                                          [&address](const AddressRange& range) { return range.first <= address; });
  // Addresses compare by family first: before an IPv6 address may stand an IPv4 range, which then ends before it.
  return after != ranges_.begin() && std::prev(after)->last >= address;
}

bool RangeSet::empty(Family family) const {
  return std::none_of(ranges_.begin(), ranges_.end(),
                      [family](const AddressRange& range) { return range.first.family == family; });
}

RangeSet RangeSet::only(Family family) const {
  RangeSet set;
  std::copy_if(ranges_.begin(), ranges_.end(), std::back_inserter(set.ranges_),
               [family](const AddressRange& range) { return range.first.family == family; });
  return set;
}

}  // namespace tierwall::policy

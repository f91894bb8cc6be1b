#pragma once
// Addresses, prefixes and sets of address ranges, for both families. Pure values: no sockets, no resolver.
// Text follows what Kubernetes and nft print: dotted quads, RFC 5952 for IPv6.

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"

namespace tierwall::policy {

enum class Family : std::uint8_t { V4 = 4, V6 = 6 };

inline constexpr Family kFamilies[] = {Family::V4, Family::V6};

/// One address. An IPv4 address uses the first four bytes, the rest are zero; bytes are in network order, so
/// comparing addresses compares them as numbers within a family.
struct Address {
  Family family = Family::V4;
  std::array<std::uint8_t, 16> bytes{};

  [[nodiscard]] std::span<const std::uint8_t> octets() const {
    return {bytes.data(), family == Family::V4 ? std::size_t{4} : std::size_t{16}};
  }
  friend auto operator<=>(const Address&, const Address&) = default;
};

/// Bits in an address of this family: 32 or 128.
int address_bits(Family family);

/// Strict: no leading zeros in dotted quads, no zone. An IPv4-mapped IPv6 text is refused as Malformed.
Result<Address> parse_address(std::string_view text);
std::string print_address(const Address& address);
/// 127.0.0.0/8 and ::1.
bool is_loopback(const Address& address);

/// A CIDR block; `base` never has host bits set.
struct Prefix {
  Address base = {};
  std::uint8_t length = 0;

  [[nodiscard]] bool contains(const Address& address) const;
  [[nodiscard]] bool contains(const Prefix& inner) const;
  friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

/// "ADDRESS/LENGTH". Host bits are masked away (Kubernetes stores such objects). A bare address is Malformed.
Result<Prefix> parse_prefix(std::string_view text);
/// Also takes what stored Kubernetes objects may hold (kubernetes.md 1.3): octets with leading zeros read as
/// decimal, and IPv4-mapped IPv6 with a length of 96 or more, which becomes the IPv4 block.
Result<Prefix> parse_legacy_prefix(std::string_view text);
/// "ADDRESS/LENGTH" or a bare address, as network sets hold them.
Result<Prefix> parse_prefix_or_address(std::string_view text);
std::string print_prefix(const Prefix& prefix);

/// Both ends inclusive and of one family.
struct AddressRange {
  Address first = {};
  Address last = {};

  friend auto operator<=>(const AddressRange&, const AddressRange&) = default;
};

AddressRange to_range(const Prefix& prefix);
/// The way nft prints an interval: an address, a prefix if the range is exactly one, else "FIRST-LAST".
std::string print_range(const AddressRange& range);

/// A set of addresses in normal form: sorted ranges, none overlapping or adjacent. Equal sets compare equal however
/// they were built.
class RangeSet {
 public:
  RangeSet() = default;
  static RangeSet of(std::span<const Prefix> prefixes);

  void insert(const Prefix& prefix) { insert(to_range(prefix)); }
  void insert(const AddressRange& range);
  [[nodiscard]] bool contains(const Address& address) const;
  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  [[nodiscard]] bool empty(Family family) const;
  [[nodiscard]] const std::vector<AddressRange>& ranges() const { return ranges_; }
  /// Only the ranges of one family.
  [[nodiscard]] RangeSet only(Family family) const;

  friend auto operator<=>(const RangeSet&, const RangeSet&) = default;

 private:
  std::vector<AddressRange> ranges_;
};

}  // namespace tierwall::policy

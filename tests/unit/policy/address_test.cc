#include "policy/address.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace tierwall::policy {
namespace {

Address address(std::string_view text) {
  const Result<Address> parsed = parse_address(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Address{};
}

Prefix prefix(std::string_view text) {
  const Result<Prefix> parsed = parse_prefix(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Prefix{};
}

AddressRange range(std::string_view first, std::string_view last) {
  return {address(first), address(last)};
}

std::string print(const RangeSet& set) {
  std::string text;
  for (const AddressRange& item : set.ranges()) text += (text.empty() ? "" : " ") + print_range(item);
  return text;
}

struct TextRow {
  std::string_view text;
  std::string_view canonical;  // empty: refused
};

TEST(Address, IsPrintedTheWayKubernetesAndNftDo) {
  constexpr TextRow kRows[] = {
      {"0.0.0.0", "0.0.0.0"},
      {"192.0.2.255", "192.0.2.255"},
      {"255.255.255.255", "255.255.255.255"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:DB8::0001", "2001:db8::1"},
      {"2001:db8:0:0:0:0:0:1", "2001:db8::1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // one zero group is not shortened
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},           // the longest run is
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},     // of equal runs the first
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"64:ff9b::192.0.2.1", "64:ff9b::c000:201"},
      {"1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201"},
      {"::0.0.0.1", "::1"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
  };
  for (const TextRow& row : kRows) {
    EXPECT_EQ(print_address(address(row.text)), row.canonical) << row.text;
    EXPECT_EQ(address(row.canonical), address(row.text));
  }
}

TEST(Address, RefusesWhatIsNotOneAddress) {
  constexpr std::string_view kRefused[] = {"",
                                           " ",
                                           "1.2.3",
                                           "1.2.3.",
                                           "1.2.3.4.",
                                           "1.2.3.4.5",
                                           "1..3.4",
                                           "256.0.0.1",
                                           "01.2.3.4",
                                           "1.2.3.4 ",
                                           "1.2.3.4/32",
                                           "0x1.2.3.4",
                                           "+1.2.3.4",
                                           "99999999999999999999.1.1.1",
                                           ":",
                                           ":::",
                                           ":1",
                                           "1:",
                                           "1::2::3",
                                           "1:::2",
                                           "1:2:3:4:5:6:7",
                                           "1:2:3:4:5:6:7:8:9",
                                           "1:2:3:4:5:6:7:8::",
                                           "1:2:3:4::5:6:7:8",
                                           "12345::",
                                           "g::",
                                           "1.2.3.4::",
                                           "::1.2.3.4:5",
                                           "::1.2.3",
                                           "::01.2.3.4",
                                           "1:2:3:4:5:6:7:1.2.3.4",
                                           "fe80::1%eth0",
                                           "[::1]",
                                           "::ffff:192.0.2.1",
                                           "::ffff:c000:201"};
  for (const std::string_view text : kRefused) {
    const Result<Address> parsed = parse_address(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().kind, ErrorKind::Malformed);
  }
}

TEST(Address, ErrorsSayWhatIsWrong) {
  EXPECT_EQ(parse_address("10.0.0.256").error().message, "'10.0.0.256' is not an IP address");
  EXPECT_EQ(parse_address("fe80::1%eth0").error().message, "'fe80::1%eth0' has a zone, which policy cannot match");
  EXPECT_EQ(parse_address("::ffff:1.2.3.4").error().message, "'::ffff:1.2.3.4' is IPv4-mapped: write the IPv4 address");
}

TEST(Prefix, LosesItsHostBits) {
  EXPECT_EQ(print_prefix(prefix("10.1.2.3/8")), "10.0.0.0/8");
  EXPECT_EQ(print_prefix(prefix("10.1.2.3/32")), "10.1.2.3/32");
  EXPECT_EQ(print_prefix(prefix("255.255.255.255/0")), "0.0.0.0/0");
  EXPECT_EQ(print_prefix(prefix("2001:db8:ffff::1/33")), "2001:db8:8000::/33");
  EXPECT_EQ(print_prefix(prefix("::1/0")), "::/0");
}

TEST(Prefix, RefusesBareAddressesAndWrongLengths) {
  for (const std::string_view text :
       {"10.0.0.1", "10.0.0.0/33", "::/129", "10.0.0.0/", "/8", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/+8",
        "10.0.0.0/8/8", "10.0.0.0/8 ", "010.0.0.0/8", "::ffff:10.0.0.0/104", "10.0.0.0/99999999999"}) {
    EXPECT_FALSE(parse_prefix(text)) << text;
  }
  EXPECT_EQ(parse_prefix("10.0.0.0/33").error().message, "'10.0.0.0/33' has no prefix length from 0 to 32");
  EXPECT_EQ(parse_prefix("10.0.0.1").error().message, "'10.0.0.1' is not a CIDR: the prefix length is missing");
}

TEST(Prefix, ReadsWhatStoredObjectsMayHold) {
  constexpr TextRow kRows[] = {
      {"010.000.000.001/08", ""},
      {"010.000.008.009/24", "10.0.8.0/24"},
      {"::ffff:192.0.2.77/120", "192.0.2.0/24"},
      {"::ffff:c000:200/128", "192.0.2.0/32"},
      {"::ffff:10.0.0.0/96", "0.0.0.0/0"},
      {"::ffff:010.0.0.0/104", "10.0.0.0/8"},
      {"::ffff:10.0.0.0/95", ""},
      {"2001:db8::1/64", "2001:db8::/64"},
      {"0400.0.0.0/8", ""},
      {"10.0.0.0", ""},
      {"garbage/8", ""},
  };
  for (const TextRow& row : kRows) {
    const Result<Prefix> parsed = parse_legacy_prefix(row.text);
    EXPECT_EQ(parsed ? print_prefix(*parsed) : "", row.canonical) << row.text;
  }
}

TEST(Prefix, OfNetworkSetsMayBeABareAddress) {
  EXPECT_EQ(print_prefix(*parse_prefix_or_address("192.0.2.1")), "192.0.2.1/32");
  EXPECT_EQ(print_prefix(*parse_prefix_or_address("2001:db8::1")), "2001:db8::1/128");
  EXPECT_EQ(print_prefix(*parse_prefix_or_address("192.0.2.1/24")), "192.0.2.0/24");
  EXPECT_FALSE(parse_prefix_or_address("192.0.2.1/"));
}

TEST(Prefix, ContainsAddressesOfItsFamilyOnly) {
  EXPECT_TRUE(prefix("192.0.2.0/25").contains(address("192.0.2.127")));
  EXPECT_FALSE(prefix("192.0.2.0/25").contains(address("192.0.2.128")));
  EXPECT_TRUE(prefix("0.0.0.0/0").contains(address("255.255.255.255")));
  EXPECT_FALSE(prefix("0.0.0.0/0").contains(address("::")));
  EXPECT_FALSE(prefix("::/0").contains(address("0.0.0.0")));
  EXPECT_TRUE(prefix("10.0.0.0/8").contains(prefix("10.0.0.0/8")));
  EXPECT_TRUE(prefix("10.0.0.0/8").contains(prefix("10.9.0.0/16")));
  EXPECT_FALSE(prefix("10.9.0.0/16").contains(prefix("10.0.0.0/8")));
}

TEST(Range, IsPrintedAsAddressPrefixOrInterval) {
  EXPECT_EQ(print_range(range("192.0.2.1", "192.0.2.1")), "192.0.2.1");
  EXPECT_EQ(print_range(range("192.0.2.0", "192.0.2.255")), "192.0.2.0/24");
  EXPECT_EQ(print_range(range("192.0.2.1", "192.0.2.2")), "192.0.2.1-192.0.2.2");
  EXPECT_EQ(print_range(range("192.0.2.2", "192.0.2.3")), "192.0.2.2/31");
  EXPECT_EQ(print_range(range("192.0.2.0", "192.0.2.254")), "192.0.2.0-192.0.2.254");
  EXPECT_EQ(print_range(to_range(prefix("::/0"))), "::/0");
  EXPECT_EQ(print_range(to_range(prefix("0.0.0.0/0"))), "0.0.0.0/0");
}

TEST(RangeSet, JoinsWhatOverlapsOrIsAdjacent) {
  RangeSet set;
  set.insert(prefix("10.0.0.0/25"));
  set.insert(prefix("10.0.1.0/24"));
  EXPECT_EQ(print(set), "10.0.0.0/25 10.0.1.0/24");
  set.insert(prefix("10.0.0.128/25"));
  EXPECT_EQ(print(set), "10.0.0.0/23");
  set.insert(prefix("10.0.0.7/32"));
  EXPECT_EQ(print(set), "10.0.0.0/23");
  set.insert(range("10.0.1.255", "10.0.2.4"));
  EXPECT_EQ(print(set), "10.0.0.0-10.0.2.4");
  set.insert(prefix("10.0.0.0/8"));
  EXPECT_EQ(print(set), "10.0.0.0/8");
}

TEST(RangeSet, ReachesTheLastAddressOfEachFamily) {
  RangeSet set;
  set.insert(prefix("255.255.255.255/32"));
  set.insert(prefix("::/128"));
  set.insert(prefix("255.255.255.254/32"));
  set.insert(prefix("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"));
  set.insert(prefix("0.0.0.0/32"));
  EXPECT_EQ(print(set), "0.0.0.0 255.255.255.254/31 :: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  EXPECT_TRUE(set.contains(address("255.255.255.255")));
  EXPECT_FALSE(set.contains(address("::1")));
  EXPECT_TRUE(set.contains(address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
  set.insert(prefix("0.0.0.0/0"));
  set.insert(prefix("::/0"));
  EXPECT_EQ(print(set), "0.0.0.0/0 ::/0");
}

TEST(RangeSet, KeepsFamiliesApart) {
  const std::vector<Prefix> prefixes = {prefix("::/0"), prefix("10.0.0.0/8")};
  const RangeSet set = RangeSet::of(prefixes);
  EXPECT_EQ(print(set.only(Family::V4)), "10.0.0.0/8");
  EXPECT_EQ(print(set.only(Family::V6)), "::/0");
  EXPECT_FALSE(set.empty(Family::V4));
  EXPECT_TRUE(set.only(Family::V6).empty(Family::V4));
  EXPECT_FALSE(set.contains(address("11.0.0.0")));
  EXPECT_TRUE(RangeSet().empty());
}

/// Ranges inside 10.0.0.0/24, so that they meet often, with the 256 addresses written out as the reference.
TEST(RangeSet, EqualsTheSetOfItsAddressesInEveryOrder) {
  std::mt19937 random(7);
  std::uniform_int_distribution<int> octet(0, 255);
  for (int round = 0; round < 200; ++round) {
    std::vector<AddressRange> inserted;
    std::array<bool, 256> expected{};
    for (int i = 0; i < 12; ++i) {
      const int first = octet(random);
      const int last = std::min(255, first + octet(random) % 20);
      inserted.push_back(range("10.0.0." + std::to_string(first), "10.0.0." + std::to_string(last)));
      for (int n = first; n <= last; ++n) expected[static_cast<std::size_t>(n)] = true;
    }
    RangeSet set;
    for (const AddressRange& item : inserted) set.insert(item);
    std::shuffle(inserted.begin(), inserted.end(), random);
    RangeSet shuffled;
    for (const AddressRange& item : inserted) shuffled.insert(item);
    ASSERT_EQ(set, shuffled);
    for (std::size_t n = 0; n < expected.size(); ++n) {
      ASSERT_EQ(set.contains(address("10.0.0." + std::to_string(n))), expected[n]) << print(set) << " and " << n;
    }
  }
}

TEST(RangeSet, TakesTenThousandRanges) {
  std::vector<Prefix> prefixes;
  for (int i = 0; i < 10000; ++i) {
    const int number = (i * 7919) % 10000;  // every number once, far from sorted
    prefixes.push_back(prefix("10." + std::to_string(number / 100) + "." + std::to_string(number % 100) + ".0/25"));
  }
  RangeSet inserted;
  for (const Prefix& item : prefixes) inserted.insert(item);
  EXPECT_EQ(inserted.ranges().size(), prefixes.size());
  EXPECT_EQ(inserted, RangeSet::of(prefixes));
}

}  // namespace
}  // namespace tierwall::policy

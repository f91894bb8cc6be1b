// Datagrams as the kernel sends them, byte by byte, and what is left of them when they are not as they should be.

#include "daemon/sources/interface_notices.h"

#include <cerrno>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <sys/socket.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierwall::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Bytes = std::vector<std::uint8_t>;

template <typename T>
Bytes bytes_of(const T& value) {
  Bytes bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

void append(Bytes& bytes, const Bytes& more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
  while (bytes.size() % 4 != 0) bytes.push_back(0);
}

Bytes attribute(int type, const Bytes& payload) {
  const auto length = static_cast<std::uint16_t>(sizeof(nlattr) + payload.size());
  Bytes bytes = bytes_of(nlattr{length, static_cast<std::uint16_t>(type)});
  append(bytes, payload);
  return bytes;
}

Bytes text(const char* value) {
  return {value, value + std::strlen(value) + 1};
}

Bytes message(int type, const Bytes& payload, int flags = 0) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + payload.size());
  header.nlmsg_type = static_cast<std::uint16_t>(type);
  header.nlmsg_flags = static_cast<std::uint16_t>(flags);
  Bytes bytes = bytes_of(header);
  append(bytes, payload);
  return bytes;
}

Bytes header_of_length(std::uint32_t length) {
  nlmsghdr header{};
  header.nlmsg_len = length;
  header.nlmsg_type = RTM_NEWLINK;
  return bytes_of(header);
}

Bytes link(int type, int index, const std::vector<Bytes>& attributes, int family = AF_UNSPEC, int flags = 0) {
  ifinfomsg fixed{};
  fixed.ifi_family = static_cast<unsigned char>(family);
  fixed.ifi_index = index;
  Bytes payload = bytes_of(fixed);
  for (const Bytes& one : attributes) append(payload, one);
  return message(type, payload, flags);
}

Bytes address(int type, unsigned index, int family, const std::vector<Bytes>& attributes) {
  ifaddrmsg fixed{};
  fixed.ifa_family = static_cast<unsigned char>(family);
  fixed.ifa_index = index;
  Bytes payload = bytes_of(fixed);
  for (const Bytes& one : attributes) append(payload, one);
  return message(type, payload);
}

InterfaceNotices decode(const std::vector<Bytes>& messages) {
  Bytes datagram;
  for (const Bytes& one : messages) append(datagram, one);
  return decode_interface_notices(datagram);
}

const Bytes kName = attribute(IFLA_IFNAME, text("eth0"));

TEST(InterfaceNotices, ALinkHasANameAndAKind) {
  const Bytes kind = attribute(IFLA_LINKINFO | NLA_F_NESTED, attribute(IFLA_INFO_KIND, text("vlan")));
  EXPECT_THAT(
      decode({link(RTM_NEWLINK, 7, {attribute(IFLA_MTU, bytes_of(1500U)), kName, kind}),
              link(RTM_NEWLINK, 8, {attribute(IFLA_IFNAME, text("bond0.17"))}), link(RTM_DELLINK, 7, {kName})})
          .notices,
      ElementsAre(LinkNotice{.index = 7, .name = "eth0", .kind = "vlan"}, LinkNotice{.index = 8, .name = "bond0.17"},
                  LinkNotice{.index = 7, .gone = true, .name = "eth0"}));
}

TEST(InterfaceNotices, APortThatLeavesItsBridgeIsStillThere) {
  EXPECT_THAT(decode({link(RTM_DELLINK, 7, {kName}, AF_BRIDGE)}).notices, IsEmpty());
}

TEST(InterfaceNotices, AnAddressIsThisEndOfALink) {
  const Bytes v6 = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};
  EXPECT_THAT(decode({address(RTM_NEWADDR, 7, AF_INET,
                              {attribute(IFA_ADDRESS, {192, 0, 2, 2}), attribute(IFA_LOCAL, {192, 0, 2, 1})}),
                      address(RTM_NEWADDR, 7, AF_INET6, {attribute(IFA_ADDRESS, v6)}),
                      address(RTM_DELADDR, 7, AF_INET, {attribute(IFA_LOCAL, {192, 0, 2, 1})})})
                  .notices,
              ElementsAre(AddressNotice{.index = 7, .address = *policy::parse_address("192.0.2.1")},
                          AddressNotice{.index = 7, .address = *policy::parse_address("2001:db8::9")},
                          AddressNotice{.index = 7, .gone = true, .address = *policy::parse_address("192.0.2.1")}));
}

TEST(InterfaceNotices, AListEndsWellOrNot) {
  const InterfaceNotices done = decode({link(RTM_NEWLINK, 7, {kName}), message(NLMSG_DONE, bytes_of(0))});
  EXPECT_TRUE(done.complete);
  EXPECT_FALSE(done.interrupted);
  EXPECT_EQ(done.errno_value, 0);
  EXPECT_TRUE(decode({link(RTM_NEWLINK, 7, {kName}, AF_UNSPEC, NLM_F_DUMP_INTR)}).interrupted);
  EXPECT_EQ(decode({message(NLMSG_DONE, bytes_of(-ENOBUFS))}).errno_value, ENOBUFS);
  EXPECT_EQ(decode({message(NLMSG_ERROR, bytes_of(nlmsgerr{.error = -EPERM, .msg = {}}))}).errno_value, EPERM);
  EXPECT_EQ(decode({message(NLMSG_DONE, bytes_of(std::numeric_limits<int>::min()))}).errno_value, EPROTO);
}

TEST(InterfaceNotices, WhatIsNotAsItShouldBeIsPassedOver) {
  const struct {
    const char* why;
    Bytes bytes;
  } kRows[] = {
      {"nothing", {}},
      {"half a header", {1, 2, 3}},
      {"a length beyond the end", header_of_length(400)},
      {"a length shorter than the header", header_of_length(4)},
      {"a link without its fixed part", message(RTM_NEWLINK, {0, 0, 0, 0})},
      {"an address without its fixed part", message(RTM_NEWADDR, {AF_INET})},
      {"a link without a name", link(RTM_NEWLINK, 7, {})},
      {"a link without a number", link(RTM_NEWLINK, 0, {kName})},
      {"an address of 3 bytes", address(RTM_NEWADDR, 7, AF_INET, {attribute(IFA_LOCAL, {10, 0, 0})})},
      {"an address that is of the other family",
       address(RTM_NEWADDR, 7, AF_INET6, {attribute(IFA_ADDRESS, {10, 0, 0, 1})})},
      {"an address of a third family", address(RTM_NEWADDR, 7, AF_UNIX, {attribute(IFA_LOCAL, {10, 0, 0, 1})})},
      {"an attribute that reaches beyond its message",
       link(RTM_NEWLINK, 7, {bytes_of(nlattr{.nla_len = 200, .nla_type = IFLA_IFNAME})})},
      {"an attribute without an end", link(RTM_NEWLINK, 7, {bytes_of(nlattr{.nla_len = 0, .nla_type = IFLA_IFNAME})})},
      {"another kind of message", message(RTM_NEWROUTE, Bytes(60))},
      {"an error without a number", message(NLMSG_ERROR, {})},
  };
  for (const auto& row : kRows) {
    const InterfaceNotices read = decode_interface_notices(row.bytes);
    EXPECT_EQ(read, InterfaceNotices{}) << row.why;
  }
}

TEST(InterfaceNotices, ANameWithoutItsZeroEndsWithItsAttribute) {
  EXPECT_THAT(decode({link(RTM_NEWLINK, 7, {attribute(IFLA_IFNAME, {'w', 'g', '0'})})}).notices,
              ElementsAre(LinkNotice{.index = 7, .name = "wg0"}));
}

TEST(InterfaceNotices, EveryCutOfADatagramIsSafe) {
  Bytes whole = link(RTM_NEWLINK, 7, {kName, attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, text("bridge")))});
  append(whole, address(RTM_NEWADDR, 7, AF_INET, {attribute(IFA_LOCAL, {10, 0, 0, 1})}));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_LT(decode_interface_notices(cut).notices.size(), 2U) << length;
  }
}

}  // namespace
}  // namespace tierwall::daemon

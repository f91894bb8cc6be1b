// What the kernel says, as bytes: whole messages mean something, cut off or odd ones nothing.

#include <gtest/gtest.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cerrno>
#include <cstring>

#include "nft/change_notices.h"
#include "nft/counter_dump.h"
#include "nft/diff.h"
#include "nft/netlink_answers.h"

namespace tierwall::nft {
namespace {

using MessageBytes = std::vector<std::uint8_t>;

template <typename T>
MessageBytes bytes_of(const T& value) {
  MessageBytes bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

MessageBytes operator+(MessageBytes left, const MessageBytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

MessageBytes attribute(std::uint16_t type, const MessageBytes& payload) {
  MessageBytes bytes = bytes_of(nlattr{static_cast<std::uint16_t>(sizeof(nlattr) + payload.size()), type}) + payload;
  bytes.resize(NLMSG_ALIGN(bytes.size()));
  return bytes;
}

MessageBytes message(std::uint16_t type, const MessageBytes& payload, std::uint16_t flags = 0) {
  return bytes_of(nlmsghdr{static_cast<std::uint32_t>(sizeof(nlmsghdr) + payload.size()), type, flags, 1, 0}) + payload;
}

constexpr std::uint16_t nftables(std::uint16_t type) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type);
}

MessageBytes text(std::string_view words) {
  return MessageBytes(words.begin(), words.end()) + MessageBytes{0};
}

const MessageBytes kInet = bytes_of(nfgenmsg{1, 0, 0});  // NFPROTO_INET

/// Seven bytes of zero and one of the number.
MessageBytes big_number(std::uint8_t number) {
  return {0, 0, 0, 0, 0, 0, 0, number};
}

MessageBytes object(std::uint8_t type, const MessageBytes& data) {
  return message(nftables(NFT_MSG_NEWOBJ),
                 kInet + attribute(NFTA_OBJ_TABLE, text("tierwall")) + attribute(NFTA_OBJ_NAME, text("c")) +
                     attribute(NFTA_OBJ_TYPE, {0, 0, 0, type}) + attribute(NFTA_OBJ_DATA, data));
}

TEST(KernelMessages, ADumpOfCountersEndsOrIsRefused) {
  const MessageBytes counter = object(NFT_OBJECT_COUNTER, attribute(NFTA_COUNTER_BYTES, big_number(80)) +
                                                              attribute(NFTA_COUNTER_PACKETS, big_number(2)));
  CounterReadings readings;
  EXPECT_EQ(read_counters(counter, 1, readings), CounterDump{});
  EXPECT_EQ(read_counters(counter + message(NLMSG_DONE, {}), 1, readings), (CounterDump{.complete = true}));
  EXPECT_EQ(readings, (CounterReadings{{"c", {.packets = 4, .bytes = 160}}}));
  EXPECT_EQ(read_counters(message(NLMSG_ERROR, bytes_of(-EPERM)), 1, readings),
            (CounterDump{.complete = true, .errno_value = EPERM}));
  EXPECT_EQ(read_counters(message(NLMSG_ERROR, {}), 1, readings),
            (CounterDump{.complete = true, .errno_value = EPROTO}));
}

TEST(KernelMessages, AnObjectOfAnotherTypeIsNoCounter) {
  CounterReadings readings;
  read_counters(object(NFT_OBJECT_CONNLIMIT, attribute(NFTA_CONNLIMIT_COUNT, {0, 0, 0, 9})), 1, readings);
  read_counters(object(99, {}), 1, readings);
  EXPECT_TRUE(readings.empty());
}

TEST(KernelMessages, ATransactionIsOfWhoEndedIt) {
  const MessageBytes rule = message(nftables(NFT_MSG_NEWRULE), kInet + attribute(NFTA_RULE_TABLE, text("tierwall")));
  const MessageBytes other = message(nftables(NFT_MSG_NEWRULE), kInet + attribute(NFTA_RULE_TABLE, text("filter")));
  const MessageBytes end = message(nftables(NFT_MSG_NEWGEN), kInet + attribute(NFTA_GEN_ID, {0, 0, 0, 7}) +
                                                                 attribute(NFTA_GEN_PROC_PID, {0, 0, 1, 0}) +
                                                                 attribute(NFTA_GEN_PROC_NAME, text("nft")));
  bool touched = false;
  std::vector<ForeignChange> changes;
  read_notices(other + end, touched, changes);
  EXPECT_TRUE(changes.empty());
  read_notices(rule, touched, changes);
  read_notices(end, touched, changes);
  EXPECT_EQ(changes, (std::vector<ForeignChange>{{.generation = 7, .process = 256, .process_name = "nft"}}));
}

/// What a batch is told, as an errno; 0 if it was acknowledged, -1 if nothing was said.
int told(const MessageBytes& datagram) {
  const Batch batch = *encode(rebuild(Ruleset{}), 1);
  Answers answers;
  read_answers(datagram, batch, answers);
  if (!answers.failures.empty()) return answers.failures.front().errno_value;
  return answers.acknowledged ? 0 : -1;
}

TEST(KernelMessages, OnlyAWholeAnswerAcknowledges) {
  const MessageBytes answered = bytes_of(nlmsghdr{});
  EXPECT_EQ(told(message(NLMSG_ERROR, bytes_of(0) + answered)), 0);
  EXPECT_EQ(told(message(NLMSG_ERROR, bytes_of(-EBUSY) + answered)), EBUSY);
  EXPECT_EQ(told(message(NLMSG_ERROR, bytes_of(1) + answered)), EPROTO);
  EXPECT_EQ(told(message(NLMSG_ERROR, bytes_of(0))), -1);
  EXPECT_EQ(told(message(NLMSG_ERROR, {})), -1);
}

/// libmnl takes such a length for a negative one, and would stay at this message for ever.
TEST(KernelMessages, ALengthBeyondAllBoundsEndsTheDatagram) {
  MessageBytes datagram = message(NLMSG_ERROR, bytes_of(-EBUSY) + bytes_of(nlmsghdr{}));
  datagram[3] = 0x80;
  EXPECT_EQ(told(datagram), -1);
  CounterReadings readings;
  EXPECT_EQ(read_counters(datagram, 1, readings), CounterDump{});
  bool touched = false;
  std::vector<ForeignChange> changes;
  read_notices(datagram, touched, changes);
  EXPECT_TRUE(changes.empty());
}

}  // namespace
}  // namespace tierwall::nft

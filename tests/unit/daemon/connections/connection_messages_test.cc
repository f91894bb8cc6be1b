// Bytes that come from, or look as if they came from, the kernel. What it makes of ours: connection_table_test.cc.

#include "daemon/connections/connection_messages.h"

#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "nft/cut_bit.h"
#include "tests/unit/daemon/connections/tracked.h"

namespace tierwall::daemon {
namespace {

/// In memory that is aligned as the kernel's answers are, and not a byte larger.
struct AlignedMessage {
  explicit AlignedMessage(const std::string& bytes) : words((bytes.size() + 3) / 4) {
    std::memcpy(words.data(), bytes.data(), bytes.size());
  }
  [[nodiscard]] nlmsghdr& header() { return *reinterpret_cast<nlmsghdr*>(words.data()); }
  std::vector<std::uint32_t> words;
};

std::string order_to_cut() {
  return encode_cut(tracked_tcp("10.0.0.2", "10.0.0.1", 80), true, 7);
}

TEST(ConnectionMessages, AnOrderWithoutTheWayBackIsNoConnection) {
  AlignedMessage message(order_to_cut());
  EXPECT_EQ(message.header().nlmsg_seq, 7U);
  EXPECT_EQ(read_tracked(message.header()), std::nullopt);
}

TEST(ConnectionMessages, ADirectionMoreMakesItOne) {
  std::string bytes = order_to_cut();
  const std::size_t first = MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(nfgenmsg));
  nlattr tuple{};
  std::memcpy(&tuple, bytes.data() + first, sizeof tuple);
  std::string reply = bytes.substr(first, tuple.nla_len);
  tuple.nla_type = static_cast<std::uint16_t>(NLA_F_NESTED | CTA_TUPLE_REPLY);
  std::memcpy(reply.data(), &tuple, sizeof tuple);
  bytes += reply;
  const auto length = static_cast<std::uint32_t>(bytes.size());
  std::memcpy(bytes.data(), &length, sizeof length);
  AlignedMessage message(bytes);
  const auto read = read_tracked(message.header());
  ASSERT_TRUE(read);
  TrackedConnection expected = tracked_tcp("10.0.0.2", "10.0.0.1", 80);
  expected.reply = expected.original;
  expected.mark = nft::kCutBit;
  EXPECT_EQ(*read, expected);

  // Cut short, or with any byte changed, it may be another one or none, and nothing is read behind its end.
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string broken = bytes;
    if (i % 2 == 0) broken.resize(MNL_NLMSG_HDRLEN + random() % (broken.size() - MNL_NLMSG_HDRLEN));
    for (int flips = 0; flips < 3; ++flips) {
      broken[MNL_NLMSG_HDRLEN + random() % (broken.size() - MNL_NLMSG_HDRLEN + 1) % broken.size()] ^=
          static_cast<char>(1U << random() % 8);
    }
    AlignedMessage damaged(broken);
    damaged.header().nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
    damaged.header().nlmsg_len = static_cast<std::uint32_t>(broken.size());
    static_cast<void>(read_tracked(damaged.header()));
  }
}

}  // namespace
}  // namespace tierwall::daemon

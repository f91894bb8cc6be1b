#include "nft/encode.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <string>
#include <vector>

#include "nft/diff.h"
#include "nft/encode_rule.h"
#include "nft/print.h"
#include "tests/unit/nft/kernel_namespace.h"
#include "tests/unit/nft/sample_rulesets.h"

namespace tierwall::nft {
namespace {

using enum FieldType;

struct Message {
  int type = 0;  ///< NFT_MSG_..., or NFNL_MSG_BATCH_... for begin and end
  bool acknowledged = false;
  std::size_t length = 0;
  std::uint32_t sequence = 0;
};

std::vector<Message> messages_of(const Batch& batch) {
  std::vector<Message> messages;
  for (std::size_t offset = 0; offset < batch.bytes.size();) {
    const auto* header = reinterpret_cast<const nlmsghdr*>(batch.bytes.data() + offset);
    const int type = header->nlmsg_type >= NFNL_MSG_BATCH_BEGIN && header->nlmsg_type <= NFNL_MSG_BATCH_END
                         ? header->nlmsg_type
                         : NFNL_MSG_TYPE(header->nlmsg_type);
    messages.push_back({.type = type,
                        .acknowledged = (header->nlmsg_flags & NLM_F_ACK) != 0,
                        .length = header->nlmsg_len,
                        .sequence = header->nlmsg_seq});
    offset += MNL_ALIGN(header->nlmsg_len);
  }
  return messages;
}

Batch encoded(const ChangeSet& changes) {
  const auto batch = encode(changes, 1000);
  TIERWALL_CHECK(batch);
  return *batch;
}

TEST(Encode, NothingIsABeginAndAnEnd) {
  const auto messages = messages_of(encoded({}));
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].type, NFNL_MSG_BATCH_BEGIN);
  EXPECT_EQ(messages[1].type, NFNL_MSG_BATCH_END);
}

TEST(Encode, EachMessageKnowsItsOperation) {
  const Rule with_set = rule({is(Field::TcpDport, Numbers{{80, 80}, {443, 443}})});
  const Batch batch = encoded({.operations = {AddTable{}, AddChain{make_chain("a")},
                                              AddRule{.chain = "a", .rule = with_set}, FlushChain{"b"}}});
  const auto messages = messages_of(batch);
  const std::vector<int> types = {NFNL_MSG_BATCH_BEGIN, NFT_MSG_NEWTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWSET,
                                  NFT_MSG_NEWSETELEM,   NFT_MSG_NEWRULE,  NFT_MSG_DELRULE,  NFNL_MSG_BATCH_END};
  constexpr std::size_t kWhole = Batch::kWholeTransaction;
  EXPECT_EQ(batch.operation_of, (std::vector<std::size_t>{kWhole, 0, 1, 2, 2, 2, 3, kWhole}));
  ASSERT_EQ(messages.size(), types.size());
  for (std::size_t i = 0; i < types.size(); ++i) {
    EXPECT_EQ(messages[i].type, types[i]);
    EXPECT_EQ(messages[i].sequence, 1000 + i);
    EXPECT_EQ(messages[i].acknowledged, i == 6) << i;
  }
}

TEST(Encode, LongElementListsAreSplitWellBelowTheAttributeLimit) {
  Set many = make_set("many", {Ipv6Addr, InetProto, InetService});
  for (std::uint32_t i = 0; i < 5000; ++i) {
    Element member = element("fd00::1", 6, static_cast<std::uint16_t>(i));
    member.comment = std::string(127, 'x');
    many.elements.push_back(std::move(member));
  }
  const Batch batch = encoded({.operations = {AddElements{many}, DeleteElements{many}}});
  const auto messages = messages_of(batch);
  EXPECT_GT(messages.size(), 20U);
  for (const Message& message : messages) EXPECT_LT(message.length, 60000U);
}

TEST(Encode, RefusesWhatTheKernelCannotHoldAndSaysWhere) {
  const std::string long_text(200, 'x'), name(300, 'n');
  struct Case {
    Operation operation;
    const char* message;
  };
  const Case cases[] = {
      {AddRule{.chain = "eg-1", .rule = rule({}, Log{.prefix = long_text})},
       "log prefix 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' is longer than 127 bytes"},
      {AddRule{.chain = "eg-1", .rule = rule({}, drop(), long_text)}, "is longer than 127 bytes"},
      {AddChain{make_chain(name)}, "is longer than 255 bytes"},
      {AddElements{make_set("pods", {Ipv4Addr}, {with_comment(element("10.0.0.1"), long_text)})},
       "set pods element 10.0.0.1: comment 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' is longer than 127 bytes"},
      {AddSet{make_interval_set("nets", {Ipv4Addr, InetService})},
       "set nets: intervals of concatenations are not used"},
  };
  for (const Case& row : cases) {
    const auto batch = encode({.operations = {row.operation}}, 1);
    ASSERT_FALSE(batch);
    EXPECT_EQ(batch.error().kind, ErrorKind::Malformed);
    EXPECT_NE(batch.error().message.find(row.message), std::string::npos) << batch.error().message;
  }
}

// ---- the same expressions as nft -----------------------------------------------------------------------------

/// The lines in brackets of a dump of expressions, one after the other.
std::vector<std::string> bracketed(const std::string& dump) {
  std::vector<std::string> lines;
  std::size_t start = 0;
  while ((start = dump.find("  [ ", start)) != std::string::npos) {
    const std::size_t end = dump.find(" ]", start);
    lines.push_back(dump.substr(start + 4, end - start - 4));
    start = end;
  }
  return lines;
}

std::string dump_ours(const Ruleset& ruleset) {
  std::string text;
  std::uint32_t set_id = 1;
  for (const auto& [name, chain] : ruleset.chains) {
    for (const Rule& rule : chain.rules) {
      const EncodedRule encoded = encode_rule(rule, set_id);
      std::vector<char> room(16384);
      nftnl_rule_snprintf(room.data(), room.size(), encoded.rule.get(), 0, 0);
      text += room.data();
    }
  }
  return text;
}

TEST(EncodeRule, WritesTheExpressionsNftWrites) {
  if (!has_kernel()) GTEST_SKIP() << "needs root and nft";
  std::size_t compared = 0;
  for (const Sample& sample : samples()) {
    // nft joins loads of neighbouring header fields there, which saves a load and lists alike.
    if (sample.name == "combinations") continue;
    enter_fresh_namespace();
    ASSERT_EQ(load_with_nft(print(make_ruleset({}, {}))).status, 0);
    const NftRun nft = load_with_nft(print(sample.ruleset), "--debug=netlink");
    ASSERT_EQ(nft.status, 0) << nft.output;
    EXPECT_EQ(bracketed(dump_ours(sample.ruleset)), bracketed(nft.output)) << sample.name;
    compared += bracketed(nft.output).size();
  }
  EXPECT_GT(compared, 1000U);
}

}  // namespace
}  // namespace tierwall::nft

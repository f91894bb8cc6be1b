#include "nft/trace_messages.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace tierwall::nft {

namespace {

Datagram payload_at(Datagram bytes, std::uint16_t type) {
  const nlattr* attribute = find_attribute(bytes, has_type(type));
  if (attribute == nullptr) return {};
  return {static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute)), mnl_attr_get_payload_len(attribute)};
}

/// Numbers of nftables have their highest byte first; 0 if there is none of this size.
template <typename Number>
Number number_at(Datagram bytes, std::uint16_t type) {
  const Datagram payload = payload_at(bytes, type);
  if (payload.size() != sizeof(Number)) return 0;
  Number number = 0;
  for (const std::uint8_t byte : payload) number = static_cast<Number>(number << 8 | byte);
  return number;
}

std::string text_at(Datagram bytes, std::uint16_t type) {
  const Datagram payload = payload_at(bytes, type);
  return {payload.begin(), std::ranges::find(payload, std::uint8_t{0})};
}

std::string name_verdict(std::int32_t code, const std::string& chain) {
  switch (code) {
    case NF_ACCEPT:
      return "accept";
    case NF_DROP:
      return "drop";
    case NF_STOLEN:
      return "stolen";
    case NF_QUEUE:
      return "queue";
    case NFT_CONTINUE:
      return "continue";
    case NFT_BREAK:
      return "break";
    case NFT_JUMP:
      return "jump " + chain;
    case NFT_GOTO:
      return "goto " + chain;
    case NFT_RETURN:
      return "return";
    default:
      return std::to_string(code);
  }
}

std::string read_verdict(Datagram bytes) {
  const Datagram verdict = payload_at(bytes, NFTA_TRACE_VERDICT);
  if (verdict.empty()) return {};
  const auto code = static_cast<std::int32_t>(number_at<std::uint32_t>(verdict, NFTA_VERDICT_CODE));
  return name_verdict(code, text_at(verdict, NFTA_VERDICT_CHAIN));
}

std::uint8_t family_of(const nlmsghdr* message) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(nfgenmsg)) return NFPROTO_UNSPEC;
  return static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(message))->nfgen_family;
}

std::optional<TraceStep> read_step(const nlmsghdr* message) {
  if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_TRACE)) return std::nullopt;
  const Datagram bytes = payload_behind(message, sizeof(nfgenmsg));
  TraceStep step{.packet = number_at<std::uint32_t>(bytes, NFTA_TRACE_ID), .family = family_of(message)};
  switch (number_at<std::uint32_t>(bytes, NFTA_TRACE_TYPE)) {
    case NFT_TRACETYPE_RULE:
      step.at = TraceStep::At::Rule;
      break;
    case NFT_TRACETYPE_RETURN:
      step.at = TraceStep::At::Return;
      break;
    case NFT_TRACETYPE_POLICY:
      step.at = TraceStep::At::Policy;
      break;
    default:
      return std::nullopt;
  }
  step.table = text_at(bytes, NFTA_TRACE_TABLE);
  step.chain = text_at(bytes, NFTA_TRACE_CHAIN);
  step.rule = number_at<std::uint64_t>(bytes, NFTA_TRACE_RULE_HANDLE);
  // The end of a chain is told as a rule without a handle, too (Linux 6.18).
  if (step.at == TraceStep::At::Rule && step.rule == 0) return std::nullopt;
  step.verdict = read_verdict(bytes);
  if (step.at == TraceStep::At::Policy)
    step.verdict = name_verdict(static_cast<std::int32_t>(number_at<std::uint32_t>(bytes, NFTA_TRACE_POLICY)), {});
  step.in_interface = number_at<std::uint32_t>(bytes, NFTA_TRACE_IIF);
  step.out_interface = number_at<std::uint32_t>(bytes, NFTA_TRACE_OIF);
  for (const std::uint16_t part : {NFTA_TRACE_NETWORK_HEADER, NFTA_TRACE_TRANSPORT_HEADER}) {
    const Datagram header = payload_at(bytes, part);
    step.headers.append(header.begin(), header.end());
  }
  return step;
}

/// Comments are among what nft keeps beside a rule: triples of type, length and text, ended by a zero.
std::string read_comment(Datagram user_data) {
  constexpr std::uint8_t kComment = 0;
  while (user_data.size() >= 2) {
    const std::uint8_t type = user_data[0];
    const std::size_t length = user_data[1];
    if (user_data.size() < 2 + length) return {};
    const Datagram text = user_data.subspan(2, length);
    if (type == kComment) return {text.begin(), std::ranges::find(text, std::uint8_t{0})};
    user_data = user_data.subspan(2 + length);
  }
  return {};
}

void take_rule(const nlmsghdr* message, RuleComments& comments) {
  if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE)) return;
  const Datagram bytes = payload_behind(message, sizeof(nfgenmsg));
  std::string comment = read_comment(payload_at(bytes, NFTA_RULE_USERDATA));
  comments.insert_or_assign(RuleKey{family_of(message), text_at(bytes, NFTA_RULE_TABLE),
                                    text_at(bytes, NFTA_RULE_CHAIN), number_at<std::uint64_t>(bytes, NFTA_RULE_HANDLE)},
                            std::move(comment));
}

}  // namespace

std::vector<TraceStep> read_trace(Datagram datagram) {
  std::vector<TraceStep> steps;
  for_each_message(datagram, [&](const nlmsghdr* message) {
    if (auto step = read_step(message)) steps.push_back(*std::move(step));
    return true;
  });
  return steps;
}

RuleDump read_rule_comments(Datagram datagram, std::uint32_t sequence, RuleComments& comments) {
  RuleDump dump;
  for_each_message(datagram, [&](const nlmsghdr* message) {
    if (message->nlmsg_seq != sequence) return true;
    if (message->nlmsg_type == NLMSG_ERROR) dump.errno_value = refused_errno(message);
    dump.complete = message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR;
    if (!dump.complete) take_rule(message, comments);
    return !dump.complete;
  });
  return dump;
}

}  // namespace tierwall::nft

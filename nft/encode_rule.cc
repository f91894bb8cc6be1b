#include "nft/encode_rule.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <utility>

#include "nft/canonical.h"
#include "nft/field.h"

namespace tierwall::nft {

namespace {

std::uint32_t length_of(const Key& bytes) {
  return static_cast<std::uint32_t>(bytes.size());
}

Key to_bytes(std::uint32_t number, std::size_t length) {
  Key bytes(length, '\0');
  for (std::size_t i = length; i-- > 0; number >>= 8) bytes[i] = static_cast<char>(number & 0xff);
  return bytes;
}

/// For what the kernel keeps as a machine word in a register.
Key to_host_bytes(std::uint32_t number) {
  Key bytes(sizeof number, '\0');
  std::copy_n(reinterpret_cast<const char*>(&number), sizeof number, bytes.data());
  return bytes;
}

/// Keys of several fields fill one register after the other; those that start a 128-bit register go by its name.
std::uint32_t register_at(std::size_t byte) {
  const auto word = static_cast<std::uint32_t>(byte / 4);
  return word % 4 == 0 ? NFT_REG_1 + word / 4 : NFT_REG32_00 + word;
}

/// Writes expressions in order, and the protocol checks that fields depend on where nft writes them: before the first
/// match that needs them, once per rule.
class ExpressionWriter {
 public:
  ExpressionWriter(nftnl_rule& rule, std::uint32_t& next_set_id) : rule_(rule), next_set_id_(next_set_id) {}

  void write(const Match& match);
  void write(const Verdict& verdict);
  void write(const VerdictMapLookup& lookup);
  void write(const Log& log);
  void write(const LogSample& sample);
  void write(const TraceFirst& first);
  void limit_rate(std::uint64_t packets, std::uint64_t seconds, std::uint32_t burst);
  void write(const SetMark& set);
  void write(const ClearMark& clear);
  void write(const Reject& reject);
  void count(const std::string& counter);

  std::vector<AnonymousSet> sets;

 private:
  void require(const FieldLayout& field);
  void load(const FieldLayout& field, std::uint32_t reg, std::uint32_t length);
  void compare(std::uint32_t op, const Key& bytes);
  void compare_range(bool negated, const Key& first, const Key& last);
  void mask(const Key& bits);
  void mask_and_flip(const Key& bits, const Key& flipped);
  void change_mark(std::uint32_t kept, std::uint32_t set);
  void look_up(const std::string& set, std::uint32_t set_id, bool negated);
  void match_one(const Match& match, const FieldLayout& field);
  void match_prefix(const Match& match, const FieldLayout& field, const policy::AddressRange& range, int length);
  void match_bits(const Match& match, const FieldLayout& field);
  void match_set(const Match& match);
  void match_anonymous_set(const Match& match, const FieldLayout& field, std::vector<Element> elements);

  nftnl_rule& rule_;
  std::uint32_t& next_set_id_;
  std::uint32_t nfproto_ = 0;  ///< what earlier matches made sure of; 0: nothing
  std::uint32_t l4proto_ = 0;
};

void ExpressionWriter::require(const FieldLayout& field) {
  if (field.nfproto != 0 && nfproto_ != field.nfproto) {
    load(layout(Field::NfProto), NFT_REG_1, 1);
    compare(NFT_CMP_EQ, to_bytes(field.nfproto, 1));
    nfproto_ = field.nfproto;
  }
  if (field.l4proto != 0 && l4proto_ != field.l4proto) {
    load(layout(Field::L4Proto), NFT_REG_1, 1);
    compare(NFT_CMP_EQ, to_bytes(field.l4proto, 1));
    l4proto_ = field.l4proto;
  }
}

ExprPtr make_load(const char* kind, std::uint16_t key_attribute, std::uint32_t key, std::uint16_t register_attribute,
                  std::uint32_t reg) {
  ExprPtr expr = make_expr(kind);
  nftnl_expr_set_u32(expr.get(), key_attribute, key);
  nftnl_expr_set_u32(expr.get(), register_attribute, reg);
  return expr;
}

ExprPtr load_meta(std::uint32_t key, std::uint32_t reg) {
  return make_load("meta", NFTNL_EXPR_META_KEY, key, NFTNL_EXPR_META_DREG, reg);
}

ExprPtr load_ct(std::uint32_t key, std::uint32_t reg) {
  return make_load("ct", NFTNL_EXPR_CT_KEY, key, NFTNL_EXPR_CT_DREG, reg);
}

ExprPtr load_source_address_type(std::uint32_t reg) {
  ExprPtr expr = make_load("fib", NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE, NFTNL_EXPR_FIB_DREG, reg);
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_SADDR);
  return expr;
}

void ExpressionWriter::load(const FieldLayout& field, std::uint32_t reg, std::uint32_t length) {
  switch (field.source) {
    case Source::Nfproto:
      return add_expr(rule_, load_meta(NFT_META_NFPROTO, reg));
    case Source::L4Proto:
      return add_expr(rule_, load_meta(NFT_META_L4PROTO, reg));
    case Source::CtState:
      return add_expr(rule_, load_ct(NFT_CT_STATE, reg));
    case Source::CtStatus:
      return add_expr(rule_, load_ct(NFT_CT_STATUS, reg));
    case Source::CtMark:
      return add_expr(rule_, load_ct(NFT_CT_MARK, reg));
    case Source::Iif:
      return add_expr(rule_, load_meta(NFT_META_IIF, reg));
    case Source::Oif:
      return add_expr(rule_, load_meta(NFT_META_OIF, reg));
    case Source::IifName:
      return add_expr(rule_, load_meta(NFT_META_IIFNAME, reg));
    case Source::OifName:
      return add_expr(rule_, load_meta(NFT_META_OIFNAME, reg));
    case Source::Mark:
      return add_expr(rule_, load_meta(NFT_META_MARK, reg));
    case Source::FibSaddrType:
      return add_expr(rule_, load_source_address_type(reg));
    case Source::NetworkHeader:
    case Source::TransportHeader:
      break;
  }
  const bool network = field.source == Source::NetworkHeader;
  ExprPtr expr =
      make_load("payload", NFTNL_EXPR_PAYLOAD_BASE, network ? NFT_PAYLOAD_NETWORK_HEADER : NFT_PAYLOAD_TRANSPORT_HEADER,
                NFTNL_EXPR_PAYLOAD_DREG, reg);
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_PAYLOAD_OFFSET, field.offset);
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_PAYLOAD_LEN, length);
  add_expr(rule_, std::move(expr));
}

void ExpressionWriter::compare(std::uint32_t op, const Key& bytes) {
  ExprPtr expr = make_expr("cmp");
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_CMP_SREG, NFT_REG_1);
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_CMP_OP, op);
  nftnl_expr_set(expr.get(), NFTNL_EXPR_CMP_DATA, bytes.data(), length_of(bytes));
  add_expr(rule_, std::move(expr));
}

void ExpressionWriter::compare_range(bool negated, const Key& first, const Key& last) {
  if (!negated) {
    compare(NFT_CMP_GTE, first);
    compare(NFT_CMP_LTE, last);
    return;
  }
  ExprPtr expr = make_expr("range");
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_RANGE_SREG, NFT_REG_1);
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_RANGE_OP, NFT_RANGE_NEQ);
  nftnl_expr_set(expr.get(), NFTNL_EXPR_RANGE_FROM_DATA, first.data(), length_of(first));
  nftnl_expr_set(expr.get(), NFTNL_EXPR_RANGE_TO_DATA, last.data(), length_of(last));
  add_expr(rule_, std::move(expr));
}

void ExpressionWriter::mask(const Key& bits) {
  mask_and_flip(bits, Key(bits.size(), '\0'));
}

void ExpressionWriter::mask_and_flip(const Key& bits, const Key& flipped) {
  ExprPtr expr = make_expr("bitwise");
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_BITWISE_LEN, length_of(bits));
  nftnl_expr_set(expr.get(), NFTNL_EXPR_BITWISE_MASK, bits.data(), length_of(bits));
  nftnl_expr_set(expr.get(), NFTNL_EXPR_BITWISE_XOR, flipped.data(), length_of(flipped));
  add_expr(rule_, std::move(expr));
}

void ExpressionWriter::look_up(const std::string& set, std::uint32_t set_id, bool negated) {
  ExprPtr expr = make_expr("lookup");
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
  nftnl_expr_set_str(expr.get(), NFTNL_EXPR_LOOKUP_SET, set.c_str());
  if (set_id != 0) nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_LOOKUP_SET_ID, set_id);
  if (negated) nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
  add_expr(rule_, std::move(expr));
}

// ---- matches -------------------------------------------------------------------------------------------------

void ExpressionWriter::match_prefix(const Match& match, const FieldLayout& field, const policy::AddressRange& range,
                                    int length) {
  const std::uint32_t op = match.negated ? NFT_CMP_NEQ : NFT_CMP_EQ;
  const Key address = make_key(range.first);
  const auto whole_bytes = static_cast<std::size_t>(length / 8);
  if (length != 0 && length % 8 == 0) {
    load(field, NFT_REG_1, static_cast<std::uint32_t>(whole_bytes));
    compare(op, address.substr(0, whole_bytes));
    return;
  }
  Key bits(address.size(), '\0');
  std::fill_n(bits.begin(), whole_bytes, '\xff');
  bits[whole_bytes] = static_cast<char>(0xff00U >> (length % 8));
  load(field, NFT_REG_1, field.length);
  mask(bits);
  compare(op, address);
}

void ExpressionWriter::match_bits(const Match& match, const FieldLayout& field) {
  load(field, NFT_REG_1, field.length);
  mask(to_host_bytes(std::get<Bits>(match.right).mask));
  compare(match.negated ? NFT_CMP_EQ : NFT_CMP_NEQ, to_host_bytes(0));
}

void ExpressionWriter::match_set(const Match& match) {
  std::size_t offset = 0;
  for (const Field field : match.fields) {
    const FieldLayout& row = layout(field);
    load(row, register_at(offset), row.length);
    offset += (row.length + 3U) / 4U * 4U;
  }
  look_up(std::get<InSet>(match.right).set, 0, match.negated);
}

void ExpressionWriter::match_anonymous_set(const Match& match, const FieldLayout& field,
                                           std::vector<Element> elements) {
  AnonymousSet set{.id = next_set_id_++,
                   .type_id = field.type_id,
                   .key_length = field.length,
                   .interval = false,
                   .elements = std::move(elements)};
  set.interval = std::ranges::any_of(set.elements, [](const Element& e) { return e.key != e.last; });
  if (!set.interval) {
    for (Element& element : set.elements) element.last.clear();
  }
  load(field, NFT_REG_1, field.length);
  look_up(kAnonymousSetName, set.id, match.negated);
  sets.push_back(std::move(set));
}

/// The kernel keeps numbers of interfaces and address types the way its processor does, everything read from packets in
/// network order.
Key to_key(std::uint32_t number, const FieldLayout& field) {
  const bool of_machine =
      field.source == Source::Iif || field.source == Source::Oif || field.source == Source::FibSaddrType;
  return of_machine ? to_host_bytes(number) : to_bytes(number, field.length);
}

std::vector<Element> elements_of(const Match& match, const FieldLayout& field) {
  std::vector<Element> elements;
  if (const auto* numbers = std::get_if<Numbers>(&match.right)) {
    for (const Interval& interval : *numbers) {
      elements.push_back(
          {.key = to_key(interval.first, field), .last = to_key(interval.last, field), .verdict = {}, .comment = {}});
    }
  } else {
    for (const policy::AddressRange& range : std::get<Addresses>(match.right)) {
      elements.push_back({.key = make_key(range.first), .last = make_key(range.last), .verdict = {}, .comment = {}});
    }
  }
  return elements;
}

void ExpressionWriter::match_one(const Match& match, const FieldLayout& field) {
  std::vector<Element> elements = elements_of(match, field);
  TIERWALL_CHECK(!elements.empty());
  if (elements.size() > 1) return match_anonymous_set(match, field, std::move(elements));
  if (const auto* ranges = std::get_if<Addresses>(&match.right)) {
    const auto length = prefix_length(ranges->front());
    if (length) return match_prefix(match, field, ranges->front(), *length);
  }
  const Element& only = elements.front();
  load(field, NFT_REG_1, field.length);
  if (only.key != only.last) return compare_range(match.negated, only.key, only.last);
  compare(match.negated ? NFT_CMP_NEQ : NFT_CMP_EQ, only.key);
  if (match.negated) return;
  if (field.source == Source::Nfproto) nfproto_ = std::get<Numbers>(match.right).front().first;
  if (field.source == Source::L4Proto) l4proto_ = std::get<Numbers>(match.right).front().first;
}

void ExpressionWriter::write(const Match& match) {
  TIERWALL_CHECK(!match.fields.empty());
  for (const Field field : match.fields) require(layout(field));
  const FieldLayout& first = layout(match.fields.front());
  if (std::holds_alternative<InSet>(match.right)) return match_set(match);
  if (std::holds_alternative<Bits>(match.right)) return match_bits(match, first);
  match_one(match, first);
}

// ---- actions -------------------------------------------------------------------------------------------------

void ExpressionWriter::write(const Verdict& verdict) {
  ExprPtr expr = make_expr("immediate");
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_IMM_VERDICT, verdict_number(verdict.code));
  if (!verdict.chain.empty()) nftnl_expr_set_str(expr.get(), NFTNL_EXPR_IMM_CHAIN, verdict.chain.c_str());
  add_expr(rule_, std::move(expr));
}

void ExpressionWriter::count(const std::string& counter) {
  ExprPtr expr = make_expr("objref");
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
  nftnl_expr_set_str(expr.get(), NFTNL_EXPR_OBJREF_IMM_NAME, counter.c_str());
  add_expr(rule_, std::move(expr));
}

void ExpressionWriter::write(const VerdictMapLookup& lookup) {
  const FieldLayout& field = layout(lookup.field);
  require(field);
  load(field, NFT_REG_1, field.length);
  ExprPtr expr = make_expr("lookup");
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
  nftnl_expr_set_str(expr.get(), NFTNL_EXPR_LOOKUP_SET, lookup.map.c_str());
  add_expr(rule_, std::move(expr));
}

void ExpressionWriter::write(const Log& log) {
  ExprPtr expr = make_expr("log");
  nftnl_expr_set_str(expr.get(), NFTNL_EXPR_LOG_PREFIX, quotable(log.prefix).c_str());
  add_expr(rule_, std::move(expr));
}

void ExpressionWriter::limit_rate(std::uint64_t packets, std::uint64_t seconds, std::uint32_t burst) {
  ExprPtr limit = make_expr("limit");
  nftnl_expr_set_u64(limit.get(), NFTNL_EXPR_LIMIT_RATE, packets);
  nftnl_expr_set_u64(limit.get(), NFTNL_EXPR_LIMIT_UNIT, seconds);
  nftnl_expr_set_u32(limit.get(), NFTNL_EXPR_LIMIT_BURST, burst);
  nftnl_expr_set_u32(limit.get(), NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
  add_expr(rule_, std::move(limit));
}

void ExpressionWriter::write(const TraceFirst& first) {
  constexpr std::uint64_t kDay = 86'400;
  limit_rate(1, kDay, first.packets);
  ExprPtr one = make_expr("immediate");
  nftnl_expr_set_u32(one.get(), NFTNL_EXPR_IMM_DREG, NFT_REG_1);
  const std::uint8_t on = 1;
  nftnl_expr_set(one.get(), NFTNL_EXPR_IMM_DATA, &on, sizeof on);
  add_expr(rule_, std::move(one));
  ExprPtr trace = make_expr("meta");
  nftnl_expr_set_u32(trace.get(), NFTNL_EXPR_META_KEY, NFT_META_NFTRACE);
  nftnl_expr_set_u32(trace.get(), NFTNL_EXPR_META_SREG, NFT_REG_1);
  add_expr(rule_, std::move(trace));
}

void ExpressionWriter::write(const LogSample& sample) {
  limit_rate(sample.per_second, 1, sample.burst());
  ExprPtr log = make_expr("log");
  nftnl_expr_set_u16(log.get(), NFTNL_EXPR_LOG_GROUP, sample.group);
  nftnl_expr_set_u32(log.get(), NFTNL_EXPR_LOG_SNAPLEN, LogSample::kBytes);
  add_expr(rule_, std::move(log));
}

void ExpressionWriter::change_mark(std::uint32_t kept, std::uint32_t set) {
  add_expr(rule_, load_meta(NFT_META_MARK, NFT_REG_1));
  mask_and_flip(to_host_bytes(kept), to_host_bytes(set));
  add_expr(rule_, make_load("meta", NFTNL_EXPR_META_KEY, NFT_META_MARK, NFTNL_EXPR_META_SREG, NFT_REG_1));
}

void ExpressionWriter::write(const ClearMark& clear) {
  change_mark(~clear.bits, 0);
}

void ExpressionWriter::write(const SetMark& set) {
  change_mark(~set.bits, set.bits);
  if (set.notrack) add_expr(rule_, make_expr("notrack"));
  write(set.verdict);
}

void ExpressionWriter::write(const Reject& reject) {
  ExprPtr expr = make_expr("reject");
  nftnl_expr_set_u32(expr.get(), NFTNL_EXPR_REJECT_TYPE,
                     reject.tcp_reset ? NFT_REJECT_TCP_RST : NFT_REJECT_ICMPX_UNREACH);
  nftnl_expr_set_u8(expr.get(), NFTNL_EXPR_REJECT_CODE, reject.tcp_reset ? 0 : NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
  add_expr(rule_, std::move(expr));
}

void add_comment(nftnl_rule& rule, const std::string& comment) {
  if (comment.empty()) return;
  const UdataPtr udata = make_udata();
  nftnl_udata_put_strz(udata.get(), NFTNL_UDATA_RULE_COMMENT, quotable(comment).c_str());
  nftnl_rule_set_data(&rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(udata.get()), nftnl_udata_buf_len(udata.get()));
}

}  // namespace

std::uint32_t verdict_number(Verdict::Code code) {
  switch (code) {
    case Verdict::Code::Accept:
      return NF_ACCEPT;
    case Verdict::Code::Drop:
      return NF_DROP;
    case Verdict::Code::Return:
      return static_cast<std::uint32_t>(NFT_RETURN);
    case Verdict::Code::Jump:
      return static_cast<std::uint32_t>(NFT_JUMP);
    case Verdict::Code::Goto:
      return static_cast<std::uint32_t>(NFT_GOTO);
  }
  TIERWALL_CHECK(false);
  return NF_DROP;
}

EncodedRule encode_rule(const Rule& rule, std::uint32_t& next_set_id) {
  const Rule written = canonical(rule);
  EncodedRule encoded{.sets = {}, .rule = make_rule()};
  ExpressionWriter writer(*encoded.rule, next_set_id);
  for (const Match& match : written.matches) writer.write(match);
  if (!written.counter.empty()) writer.count(written.counter);
  std::visit([&writer](const auto& action) { writer.write(action); }, written.action);
  add_comment(*encoded.rule, written.comment);
  encoded.sets = std::move(writer.sets);
  return encoded;
}

}  // namespace tierwall::nft

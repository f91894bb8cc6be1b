#include "nft/encode.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "nft/canonical.h"
#include "nft/encode_rule.h"
#include "nft/field.h"
#include "nft/handles.h"

namespace tierwall::nft {

namespace {

using std::string;

// The attribute that lists the elements of one message holds 64 KiB; splitting at half of it leaves room for the last
// element whatever it is.
constexpr std::size_t kElementBytes = std::size_t{32} * 1024;
// Room for any one message: a list of elements, or a rule with all the expressions the kernel takes (128).
constexpr std::size_t kMessageRoom = std::size_t{128} * 1024;

constexpr std::uint16_t kAdd = NLM_F_CREATE;
constexpr std::uint16_t kAddAnew = NLM_F_CREATE | NLM_F_EXCL;

// nft notes which order the bytes of a key have. It lists sets by that note.
constexpr std::uint32_t kByteOrderOfConcatenation = 0;
constexpr std::uint32_t kByteOrderOfHost = 1;
constexpr std::uint32_t kByteOrderBigEndian = 2;

// ---- elements ------------------------------------------------------------------------------------------------

/// Interval sets know only where an interval starts and where the next gap starts.
struct WireElement {
  Key key;
  bool gap = false;                  ///< starts a gap
  bool open = false;                 ///< the interval reaches the highest key: no gap follows
  const Element* element = nullptr;  ///< of starts: verdict and comment
};

/// The key after this one; empty after the highest.
Key successor(Key key) {
  for (std::size_t i = key.size(); i-- > 0;) {
    const auto byte = static_cast<std::uint8_t>(static_cast<std::uint8_t>(key[i]) + 1U);
    key[i] = static_cast<char>(byte);
    if (byte != 0) return key;
  }
  return {};
}

std::vector<WireElement> to_wire(const std::vector<Element>& elements, bool interval) {
  std::vector<WireElement> wire;
  wire.reserve(elements.size() * (interval ? 2 : 1));
  for (const Element& element : elements) {
    if (!interval) {
      wire.push_back({.key = element.key, .gap = false, .open = false, .element = &element});
      continue;
    }
    Key gap = successor(element.last);
    const bool open = gap.empty() && element.key != element.last;
    wire.push_back({.key = element.key, .gap = false, .open = open, .element = &element});
    if (!gap.empty()) wire.push_back({.key = std::move(gap), .gap = true, .open = false, .element = nullptr});
  }
  return wire;
}

std::size_t wire_size(const WireElement& wire) {
  constexpr std::size_t kAttributes = 64;  // headers and padding of everything below
  const Element* element = wire.element;
  return kAttributes + wire.key.size() + (element == nullptr ? 0 : element->comment.size()) +
         (element == nullptr || !element->verdict ? 0 : element->verdict->chain.size());
}

void put_verdict(nftnl_set_elem& elem, const Verdict& verdict) {
  nftnl_set_elem_set_u32(&elem, NFTNL_SET_ELEM_VERDICT, verdict_number(verdict.code));
  if (!verdict.chain.empty()) nftnl_set_elem_set_str(&elem, NFTNL_SET_ELEM_CHAIN, verdict.chain.c_str());
}

void put_userdata(nftnl_set_elem& elem, const WireElement& wire) {
  if (wire.element->comment.empty() && !wire.open) return;
  const UdataPtr udata = make_udata();
  if (!wire.element->comment.empty()) {
    nftnl_udata_put_strz(udata.get(), NFTNL_UDATA_SET_ELEM_COMMENT, quotable(wire.element->comment).c_str());
  }
  if (wire.open) nftnl_udata_put_u32(udata.get(), NFTNL_UDATA_SET_ELEM_FLAGS, NFTNL_SET_ELEM_F_INTERVAL_OPEN);
  nftnl_set_elem_set(&elem, NFTNL_SET_ELEM_USERDATA, nftnl_udata_buf_data(udata.get()),
                     nftnl_udata_buf_len(udata.get()));
}

/// An element is found by its key, so deleting needs no more than that.
ElemPtr make_element(const WireElement& wire, bool only_key) {
  ElemPtr elem = make_elem();
  nftnl_set_elem_set(elem.get(), NFTNL_SET_ELEM_KEY, wire.key.data(), static_cast<std::uint32_t>(wire.key.size()));
  if (wire.gap) nftnl_set_elem_set_u32(elem.get(), NFTNL_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
  if (only_key || wire.element == nullptr) return elem;
  if (wire.element->verdict) put_verdict(*elem, *wire.element->verdict);
  put_userdata(*elem, wire);
  return elem;
}

// ---- objects -------------------------------------------------------------------------------------------------

SetPtr make_named_set(const string& name, std::uint32_t id) {
  SetPtr set = make_set();
  nftnl_set_set_u32(set.get(), NFTNL_SET_FAMILY, NFPROTO_INET);
  nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name.c_str());
  if (id != 0) nftnl_set_set_u32(set.get(), NFTNL_SET_ID, id);
  return set;
}

void put_userdata(nftnl_set& set, std::uint32_t byte_order, bool verdict_map, const string& comment) {
  const UdataPtr udata = make_udata();
  nftnl_udata_put_u32(udata.get(), NFTNL_UDATA_SET_KEYBYTEORDER, byte_order);
  if (verdict_map) nftnl_udata_put_u32(udata.get(), NFTNL_UDATA_SET_DATABYTEORDER, 0);
  if (!comment.empty()) nftnl_udata_put_strz(udata.get(), NFTNL_UDATA_SET_COMMENT, quotable(comment).c_str());
  nftnl_set_set_data(&set, NFTNL_SET_USERDATA, nftnl_udata_buf_data(udata.get()), nftnl_udata_buf_len(udata.get()));
}

/// nft packs the types of a concatenation into six bits each.
std::uint32_t type_id(const Set& set) {
  constexpr unsigned kBitsPerType = 6;
  std::uint32_t id = 0;
  for (const FieldType type : set.type) id = id << kBitsPerType | layout(type).id;
  return id;
}

std::uint32_t byte_order(const Set& set) {
  if (set.type.size() > 1) return kByteOrderOfConcatenation;
  return set.type.front() == FieldType::IfName ? kByteOrderOfHost : kByteOrderBigEndian;
}

SetPtr make_declaration(const Set& set, std::uint32_t id) {
  constexpr std::uint32_t kVerdictType = 0xffffff00;
  SetPtr declared = make_named_set(set.name, id);
  nftnl_set* const raw = declared.get();
  const std::uint32_t flags =
      (set.interval ? std::uint32_t{NFT_SET_INTERVAL} : 0U) | (set.verdict_map ? std::uint32_t{NFT_SET_MAP} : 0U);
  nftnl_set_set_u32(raw, NFTNL_SET_FLAGS, flags);
  nftnl_set_set_u32(raw, NFTNL_SET_KEY_TYPE, type_id(set));
  nftnl_set_set_u32(raw, NFTNL_SET_KEY_LEN, static_cast<std::uint32_t>(key_length(set)));
  if (set.verdict_map) {
    nftnl_set_set_u32(raw, NFTNL_SET_DATA_TYPE, kVerdictType);
    nftnl_set_set_u32(raw, NFTNL_SET_DATA_LEN, 0);
  }
  put_userdata(*raw, byte_order(set), set.verdict_map, set.comment);
  return declared;
}

SetPtr make_declaration(const AnonymousSet& set) {
  SetPtr declared = make_named_set(kAnonymousSetName, set.id);
  nftnl_set* const raw = declared.get();
  const std::uint32_t flags =
      std::uint32_t{NFT_SET_ANONYMOUS} | NFT_SET_CONSTANT | (set.interval ? std::uint32_t{NFT_SET_INTERVAL} : 0U);
  nftnl_set_set_u32(raw, NFTNL_SET_FLAGS, flags);
  nftnl_set_set_u32(raw, NFTNL_SET_KEY_TYPE, set.type_id);
  nftnl_set_set_u32(raw, NFTNL_SET_KEY_LEN, set.key_length);
  nftnl_set_set_u32(raw, NFTNL_SET_DESC_SIZE, static_cast<std::uint32_t>(to_wire(set.elements, set.interval).size()));
  put_userdata(*raw, kByteOrderBigEndian, false, "");
  return declared;
}

ChainPtr make_named_chain(const string& name) {
  ChainPtr chain = make_chain();
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_FAMILY, NFPROTO_INET);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name.c_str());
  return chain;
}

std::uint32_t hook_number(Hook hook) {
  switch (hook) {
    case Hook::Prerouting:
      return NF_INET_PRE_ROUTING;
    case Hook::Input:
      return NF_INET_LOCAL_IN;
    case Hook::Forward:
      return NF_INET_FORWARD;
    case Hook::Output:
      return NF_INET_LOCAL_OUT;
    case Hook::Postrouting:
      return NF_INET_POST_ROUTING;
  }
  TIERWALL_CHECK(false);
  return NF_INET_FORWARD;
}

ChainPtr make_declaration(const Chain& chain) {
  ChainPtr declared = make_named_chain(chain.name);
  if (chain.base) {
    nftnl_chain_set_str(declared.get(), NFTNL_CHAIN_TYPE, "filter");
    nftnl_chain_set_u32(declared.get(), NFTNL_CHAIN_HOOKNUM, hook_number(chain.base->hook));
    nftnl_chain_set_s32(declared.get(), NFTNL_CHAIN_PRIO, chain.base->priority);
    nftnl_chain_set_u32(declared.get(), NFTNL_CHAIN_POLICY, NF_ACCEPT);
  }
  if (!chain.comment.empty()) {
    const UdataPtr udata = make_udata();
    nftnl_udata_put_strz(udata.get(), NFTNL_UDATA_CHAIN_COMMENT, quotable(chain.comment).c_str());
    nftnl_chain_set_data(declared.get(), NFTNL_CHAIN_USERDATA, nftnl_udata_buf_data(udata.get()),
                         nftnl_udata_buf_len(udata.get()));
  }
  return declared;
}

ObjectPtr make_named_counter(const string& name) {
  ObjectPtr counter = make_object();
  nftnl_obj_set_u32(counter.get(), NFTNL_OBJ_FAMILY, NFPROTO_INET);
  nftnl_obj_set_u32(counter.get(), NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
  nftnl_obj_set_str(counter.get(), NFTNL_OBJ_NAME, name.c_str());
  return counter;
}

ObjectPtr make_declaration(const Counter& counter) {
  ObjectPtr declared = make_named_counter(counter.name);
  if (counter.comment.empty()) return declared;
  const UdataPtr udata = make_udata();
  nftnl_udata_put_strz(udata.get(), NFTNL_UDATA_OBJ_COMMENT, quotable(counter.comment).c_str());
  nftnl_obj_set_data(declared.get(), NFTNL_OBJ_USERDATA, nftnl_udata_buf_data(udata.get()),
                     nftnl_udata_buf_len(udata.get()));
  return declared;
}

void put_place(nftnl_rule& rule, const string& table, const string& chain) {
  nftnl_rule_set_str(&rule, NFTNL_RULE_TABLE, table.c_str());
  nftnl_rule_set_u32(&rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
  nftnl_rule_set_str(&rule, NFTNL_RULE_CHAIN, chain.c_str());
}

// ---- the batch -----------------------------------------------------------------------------------------------

/// Appends messages; called once per operation in order.
class BatchWriter {
 public:
  explicit BatchWriter(std::uint32_t first_sequence, const char* table = kTableName)
      : room_(std::make_unique_for_overwrite<char[]>(kMessageRoom)), table_(table) {
    batch_.first_sequence = first_sequence;
  }

  void begin() { append(nftnl_batch_begin(room(), next_sequence())); }
  Batch finish();
  void next_operation(std::size_t index) { operation_ = index; }

  void operator()(const AddTable& op) { put_table(NFT_MSG_NEWTABLE, kAdd, flags_of(op.owner)); }
  void operator()(const DeleteTable&) { put_table(NFT_MSG_DELTABLE, 0, 0); }
  void operator()(const AddSet& op) { put_set(NFT_MSG_NEWSET, kAddAnew, make_declaration(op.set, next_set_id_++)); }
  void operator()(const DeleteSet& op) { put_set(NFT_MSG_DELSET, 0, make_named_set(op.set, 0)); }
  void operator()(const AddElements& op) {
    put_elements(NFT_MSG_NEWSETELEM, op.set.name, 0, to_wire(op.set.elements, op.set.interval));
  }
  void operator()(const DeleteElements& op) {
    put_elements(NFT_MSG_DELSETELEM, op.set.name, 0, to_wire(op.set.elements, op.set.interval));
  }
  void operator()(const AddChain& op) { put_chain(NFT_MSG_NEWCHAIN, kAddAnew, make_declaration(op.chain)); }
  void operator()(const DeleteChain& op) { put_chain(NFT_MSG_DELCHAIN, 0, make_named_chain(op.chain)); }
  void operator()(const AddCounter& op) { put_counter(NFT_MSG_NEWOBJ, kAddAnew, make_declaration(op.counter)); }
  void operator()(const DeleteCounter& op) { put_counter(NFT_MSG_DELOBJ, 0, make_named_counter(op.counter)); }
  void operator()(const FlushChain& op);
  void operator()(const AddRule& op);
  void put_table(std::uint16_t type, std::uint16_t flags, std::uint32_t table_flags);
  [[nodiscard]] std::uint32_t flags_of(TableOwner owner) const;

 private:
  [[nodiscard]] char* room() { return room_.get(); }
  [[nodiscard]] std::uint32_t next_sequence() const {
    return batch_.first_sequence + static_cast<std::uint32_t>(batch_.operation_of.size());
  }
  nlmsghdr* header(std::uint16_t type, std::uint16_t flags) {
    return nftnl_nlmsg_build_hdr(room(), type, NFPROTO_INET, flags, next_sequence());
  }
  void append(const nlmsghdr* message);

  void put_set(std::uint16_t type, std::uint16_t flags, SetPtr set);
  void put_chain(std::uint16_t type, std::uint16_t flags, ChainPtr chain);
  void put_counter(std::uint16_t type, std::uint16_t flags, ObjectPtr counter);
  void put_elements(std::uint16_t type, const string& set, std::uint32_t set_id, std::vector<WireElement> elements);

  Batch batch_;
  std::unique_ptr<char[]> room_;  ///< not cleared: most transactions touch little of it
  string table_;
  std::size_t operation_ = Batch::kWholeTransaction;
  std::size_t last_message_ = 0;  ///< offset of the latest message of an operation; 0: none yet
  std::uint32_t next_set_id_ = 1;
};

void BatchWriter::append(const nlmsghdr* message) {
  TIERWALL_CHECK(message->nlmsg_len <= kMessageRoom);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(message);
  if (operation_ != Batch::kWholeTransaction) last_message_ = batch_.bytes.size();
  batch_.bytes.insert(batch_.bytes.end(), bytes, bytes + message->nlmsg_len);
  batch_.operation_of.push_back(operation_);
}

Batch BatchWriter::finish() {
  if (last_message_ != 0) {
    auto* const last = reinterpret_cast<nlmsghdr*>(batch_.bytes.data() + last_message_);
    last->nlmsg_flags |= NLM_F_ACK;
  }
  operation_ = Batch::kWholeTransaction;
  append(nftnl_batch_end(room(), next_sequence()));
  return std::move(batch_);
}

std::uint32_t BatchWriter::flags_of(TableOwner owner) const {
  // Kernel headers before Linux 6.9 have no NFT_TABLE_F_PERSIST.
  constexpr std::uint32_t kPersist = 4;
  if (table_ == kCopyName || table_ == kTraceName) return NFT_TABLE_F_OWNER;
  return owner == TableOwner::Us ? NFT_TABLE_F_OWNER | kPersist : 0;
}

void BatchWriter::put_table(std::uint16_t type, std::uint16_t flags, std::uint32_t table_flags) {
  const TablePtr table = make_table();
  nftnl_table_set_u32(table.get(), NFTNL_TABLE_FAMILY, NFPROTO_INET);
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, table_.c_str());
  if (table_flags != 0) nftnl_table_set_u32(table.get(), NFTNL_TABLE_FLAGS, table_flags);
  nlmsghdr* const message = header(type, flags);
  nftnl_table_nlmsg_build_payload(message, table.get());
  append(message);
}

void BatchWriter::put_set(std::uint16_t type, std::uint16_t flags, SetPtr set) {
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table_.c_str());
  nlmsghdr* const message = header(type, flags);
  nftnl_set_nlmsg_build_payload(message, set.get());
  append(message);
}

void BatchWriter::put_chain(std::uint16_t type, std::uint16_t flags, ChainPtr chain) {
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table_.c_str());
  nlmsghdr* const message = header(type, flags);
  nftnl_chain_nlmsg_build_payload(message, chain.get());
  append(message);
}

void BatchWriter::put_counter(std::uint16_t type, std::uint16_t flags, ObjectPtr counter) {
  nftnl_obj_set_str(counter.get(), NFTNL_OBJ_TABLE, table_.c_str());
  nlmsghdr* const message = header(type, flags);
  nftnl_obj_nlmsg_build_payload(message, counter.get());
  append(message);
}

void BatchWriter::put_elements(std::uint16_t type, const string& set, std::uint32_t set_id,
                               std::vector<WireElement> elements) {
  const bool deleting = type == NFT_MSG_DELSETELEM;
  auto next = elements.begin();
  while (next != elements.end()) {
    const SetPtr part = make_named_set(set, set_id);
    nftnl_set_set_str(part.get(), NFTNL_SET_TABLE, table_.c_str());
    for (std::size_t size = 0; next != elements.end() && size < kElementBytes; ++next) {
      size += wire_size(*next);
      add_elem(*part, make_element(*next, deleting));
    }
    nlmsghdr* const message = header(type, deleting ? std::uint16_t{0} : kAddAnew);
    nftnl_set_elems_nlmsg_build_payload(message, part.get());
    append(message);
  }
}

void BatchWriter::operator()(const FlushChain& op) {
  // A rule deletion that names only the chain takes all of its rules.
  const RulePtr rule = make_rule();
  put_place(*rule, table_, op.chain);
  nlmsghdr* const message = header(NFT_MSG_DELRULE, 0);
  nftnl_rule_nlmsg_build_payload(message, rule.get());
  append(message);
}

void BatchWriter::operator()(const AddRule& op) {
  const EncodedRule encoded = encode_rule(op.rule, next_set_id_);
  for (const AnonymousSet& set : encoded.sets) {
    put_set(NFT_MSG_NEWSET, kAdd, make_declaration(set));
    put_elements(NFT_MSG_NEWSETELEM, kAnonymousSetName, set.id, to_wire(set.elements, set.interval));
  }
  put_place(*encoded.rule, table_, op.chain);
  nlmsghdr* const message = header(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
  nftnl_rule_nlmsg_build_payload(message, encoded.rule.get());
  append(message);
}

// ---- what does not fit ---------------------------------------------------------------------------------------

constexpr std::size_t kMaxName = NFT_NAME_MAXLEN - 1;
constexpr std::size_t kMaxMatches = 100;  // well inside kMessageRoom

Result<void> fits(const string& what, const string& text, std::size_t most) {
  if (text.size() <= most) return {};
  return malformed(what + " '" + text.substr(0, 32) + "...' is longer than " + std::to_string(most) + " bytes");
}

Result<void> name_fits(const string& name) {
  return fits("name", name, kMaxName);
}
Result<void> comment_fits(const string& comment) {
  return fits("comment", comment, kMaxComment);
}

Result<void> fits(const Verdict& verdict) {
  return name_fits(verdict.chain);
}

Result<void> fits(const Set& set) {
  if (auto name = name_fits(set.name); !name) return name;
  if (set.interval && set.type.size() > 1) return malformed("intervals of concatenations are not used");
  if (auto comment = comment_fits(set.comment); !comment) return comment;
  for (const Element& element : set.elements) {
    if (auto comment = comment_fits(element.comment); !comment) return comment;
    if (auto verdict = element.verdict ? fits(*element.verdict) : Result<void>(); !verdict) return verdict;
  }
  return {};
}

struct Fits {
  Result<void> operator()(const AddTable&) const { return {}; }
  Result<void> operator()(const DeleteTable&) const { return {}; }
  Result<void> operator()(const AddSet& op) const { return fits(op.set); }
  Result<void> operator()(const DeleteSet& op) const { return name_fits(op.set); }
  Result<void> operator()(const AddElements& op) const { return fits(op.set); }
  Result<void> operator()(const DeleteElements& op) const { return fits(op.set); }
  Result<void> operator()(const AddChain& op) const {
    if (auto name = name_fits(op.chain.name); !name) return name;
    return comment_fits(op.chain.comment);
  }
  Result<void> operator()(const FlushChain& op) const { return name_fits(op.chain); }
  Result<void> operator()(const DeleteChain& op) const { return name_fits(op.chain); }
  Result<void> operator()(const AddCounter& op) const {
    if (auto name = name_fits(op.counter.name); !name) return name;
    return comment_fits(op.counter.comment);
  }
  Result<void> operator()(const DeleteCounter& op) const { return name_fits(op.counter); }
  Result<void> operator()(const AddRule& op) const {
    if (auto name = name_fits(op.chain); !name) return name;
    if (auto counter = name_fits(op.rule.counter); !counter) return counter;
    if (op.rule.matches.size() > kMaxMatches) return malformed("more matches than a rule holds");
    if (const auto* log = std::get_if<Log>(&op.rule.action)) {
      if (auto prefix = fits("log prefix", log->prefix, kMaxComment); !prefix) return prefix;
    }
    if (const auto* sample = std::get_if<LogSample>(&op.rule.action)) {
      if (sample->per_second == 0) return malformed("a sample of no packets");
    }
    return comment_fits(op.rule.comment);
  }
};

}  // namespace

namespace {

Result<Batch> encode_for(const char* table, const ChangeSet& changes, std::uint32_t first_sequence) {
  BatchWriter writer(first_sequence, table);
  writer.begin();
  for (std::size_t i = 0; i < changes.operations.size(); ++i) {
    const Operation& operation = changes.operations[i];
    if (const auto fit = std::visit(Fits{}, operation); !fit) return fit.error().in(describe(operation));
    writer.next_operation(i);
    std::visit(writer, operation);
  }
  return writer.finish();
}

}  // namespace

Result<Batch> encode(const ChangeSet& changes, std::uint32_t first_sequence) {
  return encode_for(kTableName, changes, first_sequence);
}

Result<Batch> encode_for_copy(const ChangeSet& changes, std::uint32_t first_sequence) {
  return encode_for(kCopyName, changes, first_sequence);
}

Result<Batch> encode_for_trace(const ChangeSet& changes, std::uint32_t first_sequence) {
  return encode_for(kTraceName, changes, first_sequence);
}

Batch encode_ownership_probe(std::uint32_t first_sequence) {
  BatchWriter writer(first_sequence, kProbeName);
  writer.begin();
  writer.next_operation(0);
  writer.put_table(NFT_MSG_NEWTABLE, kAddAnew, writer.flags_of(TableOwner::Us));
  writer.next_operation(1);
  writer.put_table(NFT_MSG_DELTABLE, 0, 0);
  return writer.finish();
}

Result<Batch> encode_probe(const ChangeSet& changes, std::uint32_t first_sequence) {
  return encode_for(kProbeName, changes, first_sequence);
}

Batch encode_table_request(std::uint32_t sequence) {
  std::array<char, 256> room{};
  nlmsghdr* const message = nftnl_nlmsg_build_hdr(room.data(), NFT_MSG_GETTABLE, NFPROTO_INET, 0, sequence);
  const TablePtr table = make_table();
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, kTableName);
  nftnl_table_nlmsg_build_payload(message, table.get());
  return {.bytes = {room.data(), room.data() + message->nlmsg_len}, .first_sequence = sequence, .operation_of = {0}};
}

}  // namespace tierwall::nft

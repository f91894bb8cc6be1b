#include "nft/print.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "nft/canonical.h"
#include "nft/field.h"
#include "policy/address.h"

namespace tierwall::nft {

namespace {

using std::string;

string quoted(const string& text) {
  return '"' + quotable(text) + '"';
}

string with_comment(const string& comment) {
  return comment.empty() ? "" : " comment " + quoted(comment);
}

// ---- addresses -----------------------------------------------------------------------------------------------

bool starts_with(const policy::Address& address, std::initializer_list<std::uint8_t> tail, std::size_t zeros) {
  return std::all_of(address.bytes.begin(), address.bytes.begin() + static_cast<std::ptrdiff_t>(zeros),
                     [](std::uint8_t byte) { return byte == 0; }) &&
         std::equal(tail.begin(), tail.end(), address.bytes.begin() + static_cast<std::ptrdiff_t>(zeros));
}

/// As inet_ntop has it, which nft uses: IPv6 addresses that embed an IPv4 one end in a dotted quad.
string address_text(const policy::Address& address) {
  const bool mapped = starts_with(address, {0xff, 0xff}, 10);
  const bool compatible = starts_with(address, {}, 12) && (address.bytes[12] != 0 || address.bytes[13] != 0);
  if (address.family == policy::Family::V4 || (!mapped && !compatible)) return policy::print_address(address);
  policy::Address embedded;
  std::copy_n(address.bytes.begin() + 12, 4, embedded.bytes.begin());
  return (mapped ? "::ffff:" : "::") + policy::print_address(embedded);
}

string range_text(const policy::AddressRange& range) {
  string first = address_text(range.first);
  if (range.first == range.last) return first;
  const auto length = prefix_length(range);
  return length ? first + "/" + std::to_string(*length) : first + "-" + address_text(range.last);
}

// ---- right sides ---------------------------------------------------------------------------------------------

string print_interval(Field field, const Interval& interval) {
  if (interval.first == interval.last) return print_number(field, interval.first);
  return std::to_string(interval.first) + "-" + std::to_string(interval.last);
}

template <typename Values, typename PrintOne>
string print_values(const Values& values, PrintOne print_one) {
  if (values.size() == 1) return print_one(values.front());
  string text = "{ ";
  for (const auto& value : values) {
    if (text.size() > 2) text += ", ";
    text += print_one(value);
  }
  return text + " }";
}

using BitName = std::pair<std::uint32_t, const char*>;
constexpr BitName kStates[] = {{ct_state::kInvalid, "invalid"},
                               {ct_state::kEstablished, "established"},
                               {ct_state::kRelated, "related"},
                               {ct_state::kNew, "new"},
                               {ct_state::kUntracked, "untracked"}};
constexpr BitName kStatuses[] = {{ct_status::kDnat, "dnat"}};

string print_names(std::span<const BitName> names, std::uint32_t mask) {
  string text;
  for (const auto& [bit, name] : names) {
    if ((mask & bit) != 0) text += (text.empty() ? "" : ",") + string(name);
  }
  return text;
}

string print_fields(const Match& match) {
  string text;
  for (const Field field : match.fields) text += (text.empty() ? "" : " . ") + string(layout(field).words);
  return text;
}

string hexadecimal(std::uint32_t number) {
  constexpr const char* kDigits = "0123456789abcdef";
  string text = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) text += kDigits[number >> shift & 0xf];
  return text;
}

struct RightSide {
  Field field;
  string operator()(const Numbers& numbers) const {
    return print_values(numbers, [this](const Interval& interval) { return print_interval(field, interval); });
  }
  string operator()(const Addresses& ranges) const {
    return print_values(ranges, [](const policy::AddressRange& range) { return range_text(range); });
  }
  string operator()(const Bits& bits) const {
    if (field == Field::CtStatus) return print_names(kStatuses, bits.mask);
    return print_names(kStates, bits.mask);
  }
  string operator()(const InSet& in) const { return "@" + in.set; }
};

struct Action {
  string operator()(const Verdict& verdict) const { return print(verdict); }
  string operator()(const VerdictMapLookup& lookup) const {
    return string(layout(lookup.field).words) + " vmap @" + lookup.map;
  }
  string operator()(const Log& log) const { return "log prefix " + quoted(log.prefix); }
  string operator()(const LogSample& sample) const {
    return "limit rate " + std::to_string(sample.per_second) + "/second burst " + std::to_string(sample.burst()) +
           " packets log group " + std::to_string(sample.group) + " snaplen " + std::to_string(LogSample::kBytes);
  }
  string operator()(const TraceFirst& first) const {
    return "limit rate 1/day burst " + std::to_string(first.packets) + " packets meta nftrace set 1";
  }
  string operator()(const SetMark& set) const {
    return "meta mark set meta mark | " + hexadecimal(set.bits) + (set.notrack ? " notrack " : " ") +
           print(set.verdict);
  }
  string operator()(const ClearMark& clear) const { return "meta mark set meta mark & " + hexadecimal(~clear.bits); }
  string operator()(const Reject& reject) const {
    return reject.tcp_reset ? "reject with tcp reset" : "reject with icmpx admin-prohibited";
  }
};

// ---- elements ------------------------------------------------------------------------------------------------

std::uint32_t to_number(const Key& bytes) {
  std::uint32_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<std::uint8_t>(c);
  return number;
}

policy::Address to_address(const Key& bytes) {
  policy::Address address;
  address.family = bytes.size() == 4 ? policy::Family::V4 : policy::Family::V6;
  std::ranges::transform(bytes, address.bytes.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
  return address;
}

string print_key_field(FieldType type, const Key& first, const Key& last) {
  switch (type) {
    case FieldType::Ipv4Addr:
    case FieldType::Ipv6Addr:
      return range_text({.first = to_address(first), .last = to_address(last)});
    case FieldType::InetProto:
      return print_interval(Field::L4Proto, {to_number(first), to_number(last)});
    case FieldType::InetService:
      return print_interval(Field::ThDport, {to_number(first), to_number(last)});
    case FieldType::IfName:
      return quoted(first.c_str());
  }
  TIERWALL_CHECK(false);
  return {};
}

string print_key(const Set& set, const Element& element) {
  TIERWALL_CHECK(element.key.size() == key_length(set));
  const Key& last = element.last.empty() ? element.key : element.last;
  string text;
  std::size_t offset = 0;
  for (const FieldType type : set.type) {
    const std::size_t length = layout(type).length;
    if (offset != 0) text += " . ";
    text += print_key_field(type, element.key.substr(offset, length), last.substr(offset, length));
    offset += padded_length(type, set.type.size());
  }
  return text;
}

/// nft 1.0.6 lists elements by the value of their keys, but reads the bytes of a concatenation as one little-endian
/// number. Its order is ours, so that the texts agree.
Key sorting_key(const Set& set, const Key& key) {
  if (set.type == std::vector{FieldType::IfName}) return {key.rbegin(), key.rend()};
  if (set.type.size() == 1) return key;
  Key bytes;
  std::size_t offset = 0;
  for (const FieldType type : set.type) {
    bytes += key.substr(offset, layout(type).length);
    offset += padded_length(type, set.type.size());
  }
  std::ranges::reverse(bytes);
  return bytes;
}

std::vector<string> print_elements(const Set& set) {
  std::vector<std::pair<Key, const Element*>> order;
  order.reserve(set.elements.size());
  for (const Element& element : set.elements) order.emplace_back(sorting_key(set, element.key), &element);
  std::ranges::sort(order);
  std::vector<string> texts;
  texts.reserve(order.size());
  for (const auto& entry : order) texts.push_back(print_element(set, *entry.second));
  return texts;
}

/// Elements on one line of a listing.
std::size_t elements_per_line(const Set& set) {
  if (set.type.size() > 1) return 1;
  switch (set.type.front()) {
    case FieldType::Ipv4Addr:
      return 2;
    case FieldType::Ipv6Addr:
      return 1;
    case FieldType::InetProto:
    case FieldType::InetService:
      return 5;
    case FieldType::IfName:
      return 1;
  }
  TIERWALL_CHECK(false);
  return 1;
}

// ---- declarations --------------------------------------------------------------------------------------------

string print_type(const Set& set) {
  string text;
  for (const FieldType type : set.type) text += (text.empty() ? "" : " . ") + string(layout(type).words);
  return text + (set.verdict_map ? " : verdict" : "");
}

const char* print_hook(Hook hook) {
  constexpr const char* kHooks[] = {"prerouting", "input", "forward", "output", "postrouting"};
  return kHooks[static_cast<std::size_t>(hook)];
}

/// Within ten of a well-known priority nft shows the distance to it.
string print_priority(const BaseChain& base) {
  struct Named {
    const char* name;
    int priority;
  };
  constexpr Named kNamed[] = {{"raw", -300}, {"mangle", -150}, {"dstnat", -100},
                              {"filter", 0}, {"security", 50}, {"srcnat", 100}};
  for (const Named& named : kNamed) {
    const bool known = (named.priority != -100 || base.hook == Hook::Prerouting) &&
                       (named.priority != 100 || base.hook == Hook::Postrouting);
    const int distance = base.priority - named.priority;
    if (!known || distance < -10 || distance > 10) continue;
    if (distance == 0) return named.name;
    return string(named.name) + (distance > 0 ? " + " : " - ") + std::to_string(std::abs(distance));
  }
  return std::to_string(base.priority);
}

string print_hook_line(const BaseChain& base) {
  return string("type filter hook ") + print_hook(base.hook) + " priority " + print_priority(base) + "; policy accept;";
}

string print_block(const Set& set) {
  string text =
      string("\t") + (set.verdict_map ? "map " : "set ") + set.name + " {\n\t\ttype " + print_type(set) + "\n";
  if (set.interval) text += "\t\tflags interval\n";
  if (!set.comment.empty()) text += "\t\tcomment " + quoted(set.comment) + "\n";
  if (!set.elements.empty()) {
    const std::size_t per_line = elements_per_line(set);
    std::size_t count = 0;
    text += "\t\telements = { ";
    for (const string& element : print_elements(set)) {
      if (count != 0) text += count % per_line == 0 ? ",\n\t\t\t     " : ", ";
      text += element;
      ++count;
    }
    text += " }\n";
  }
  return text + "\t}\n";
}

string print_block(const Counter& counter) {
  string text = "\tcounter " + counter.name + " {\n";
  if (!counter.comment.empty()) text += "\t\tcomment " + quoted(counter.comment) + "\n";
  return text + "\t\tpackets 0 bytes 0\n\t}\n";
}

string print_block(const Chain& chain) {
  string text = "\tchain " + chain.name + " {\n";
  if (!chain.comment.empty()) text += "\t\tcomment " + quoted(chain.comment) + "\n";
  if (chain.base) text += "\t\t" + print_hook_line(*chain.base) + "\n";
  for (const Rule& rule : chain.rules) text += "\t\t" + print(rule) + "\n";
  return text + "\t}\n";
}

// ---- commands ------------------------------------------------------------------------------------------------

string print_command(const char* verb, const string& object, const string& name) {
  return string(verb) + " " + object + " inet " + kTableName + (name.empty() ? "" : " " + name);
}

string print_elements_command(const char* verb, const Set& set) {
  string text = print_command(verb, "element", set.name) + " { ";
  bool first = true;
  for (const string& element : print_elements(set)) {
    text += (first ? "" : ", ") + element;
    first = false;
  }
  return text + " }";
}

struct Command {
  string operator()(const AddTable&) const { return print_command("add", "table", ""); }
  string operator()(const DeleteTable&) const { return print_command("delete", "table", ""); }
  string operator()(const AddSet& op) const {
    const Set& set = op.set;
    return print_command("add", set.verdict_map ? "map" : "set", set.name) + " { type " + print_type(set) + ";" +
           (set.interval ? " flags interval;" : "") +
           (set.comment.empty() ? "" : " comment " + quoted(set.comment) + ";") + " }";
  }
  string operator()(const DeleteSet& op) const { return print_command("delete", "set", op.set); }
  string operator()(const AddElements& op) const { return print_elements_command("add", op.set); }
  string operator()(const DeleteElements& op) const { return print_elements_command("delete", op.set); }
  string operator()(const AddChain& op) const {
    string body = op.chain.base ? " " + print_hook_line(*op.chain.base) : "";
    if (!op.chain.comment.empty()) body += " comment " + quoted(op.chain.comment) + ";";
    return print_command("add", "chain", op.chain.name) + (body.empty() ? "" : " {" + body + " }");
  }
  string operator()(const FlushChain& op) const { return print_command("flush", "chain", op.chain); }
  string operator()(const DeleteChain& op) const { return print_command("delete", "chain", op.chain); }
  string operator()(const AddCounter& op) const {
    const string comment = op.counter.comment.empty() ? "" : " { comment " + quoted(op.counter.comment) + "; }";
    return print_command("add", "counter", op.counter.name) + comment;
  }
  string operator()(const DeleteCounter& op) const { return print_command("delete", "counter", op.counter); }
  string operator()(const AddRule& op) const { return print_command("add", "rule", op.chain) + " " + print(op.rule); }
};

}  // namespace

string print(const Verdict& verdict) {
  switch (verdict.code) {
    case Verdict::Code::Accept:
      return "accept";
    case Verdict::Code::Drop:
      return "drop";
    case Verdict::Code::Return:
      return "return";
    case Verdict::Code::Jump:
      return "jump " + verdict.chain;
    case Verdict::Code::Goto:
      return "goto " + verdict.chain;
  }
  TIERWALL_CHECK(false);
  return {};
}

string print(const Match& match) {
  TIERWALL_CHECK(!match.fields.empty());
  string text = print_fields(match) + " ";
  if (match.fields.front() == Field::Mark || match.fields.front() == Field::CtMark) {
    const string bits = hexadecimal(std::get<Bits>(match.right).mask);
    return text + "& " + bits + (match.negated ? " == " : " != ") + hexadecimal(0);
  }
  // `ct state != a,b` would compare the whole state with both bits; `!` asks that none of them is set.
  if (match.negated) text += std::holds_alternative<Bits>(match.right) ? "! " : "!= ";
  return text + std::visit(RightSide{match.fields.front()}, match.right);
}

string print(const Rule& rule) {
  const Rule written = canonical(rule);
  string text;
  for (const Match& match : written.matches) text += print(match) + " ";
  if (!written.counter.empty()) text += "counter name " + quoted(written.counter) + " ";
  return text + std::visit(Action{}, written.action) + with_comment(written.comment);
}

string print_element(const Set& set, const Element& element) {
  string text = print_key(set, element) + with_comment(element.comment);
  if (element.verdict) text += " : " + print(*element.verdict);
  return text;
}

string print(const Ruleset& ruleset) {
  std::vector<string> blocks;
  for (const auto& entry : ruleset.counters) blocks.push_back(print_block(entry.second));
  for (const auto& entry : ruleset.sets) blocks.push_back(print_block(entry.second));
  for (const bool base : {false, true}) {
    for (const auto& entry : ruleset.chains) {
      if (entry.second.base.has_value() == base) blocks.push_back(print_block(entry.second));
    }
  }
  string text = string("table inet ") + kTableName + " {\n";
  for (const string& block : blocks) text += (&block == blocks.data() ? "" : "\n") + block;
  return text + "}\n";
}

string print(const ChangeSet& changes) {
  string text;
  for (const Operation& operation : changes.operations) text += std::visit(Command{}, operation) + "\n";
  return text;
}

}  // namespace tierwall::nft

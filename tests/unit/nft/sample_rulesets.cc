#include "tests/unit/nft/sample_rulesets.h"

#include <algorithm>
#include <random>
#include <utility>

#include "nft/field.h"

namespace tierwall::nft {

namespace {

constexpr Field kPortFields[] = {Field::TcpSport,     Field::TcpDport,    Field::UdpSport, Field::UdpDport,
                                 Field::SctpSport,    Field::SctpDport,   Field::ThSport,  Field::ThDport,
                                 Field::UdpliteSport, Field::UdpliteDport};
constexpr Field kSmallFields[] = {Field::L4Proto, Field::IcmpType, Field::IcmpCode, Field::Icmpv6Type,
                                  Field::Icmpv6Code};

Key number_key(std::uint32_t number, std::size_t length) {
  Key key(length, '\0');
  for (std::size_t i = length; i-- > 0; number >>= 8) key[i] = static_cast<char>(number & 0xff);
  return key;
}

Set finished(Set set) {
  std::ranges::sort(set.elements);
  return set;
}

}  // namespace

policy::Address address(std::string_view text) {
  const auto parsed = policy::parse_address(text);
  TIERWALL_CHECK(parsed);
  return *parsed;
}

policy::AddressRange range(std::string_view text) {
  if (const auto dash = text.find('-'); dash != std::string_view::npos) {
    return {.first = address(text.substr(0, dash)), .last = address(text.substr(dash + 1))};
  }
  const auto parsed = policy::parse_prefix_or_address(text);
  TIERWALL_CHECK(parsed);
  return policy::to_range(*parsed);
}

Match is(Field field, std::uint32_t number) {
  return is(field, Numbers{{number, number}});
}
Match is(Field field, Numbers numbers) {
  return {.fields = {field}, .negated = false, .right = std::move(numbers)};
}
Match within(Field field, std::vector<std::string> ranges) {
  Addresses addresses;
  for (const std::string& text : ranges) addresses.push_back(range(text));
  return {.fields = {field}, .negated = false, .right = std::move(addresses)};
}
Match is_in(std::vector<Field> fields, std::string set) {
  return {.fields = std::move(fields), .negated = false, .right = InSet{std::move(set)}};
}
Match state(std::uint32_t bits) {
  return nft::bits(Field::CtState, bits);
}
Match bits(Field field, std::uint32_t mask) {
  return {.fields = {field}, .negated = false, .right = Bits{mask}};
}
Match operator!(Match match) {
  match.negated = !match.negated;
  return match;
}

Verdict jump(std::string chain) {
  return {.code = Verdict::Code::Jump, .chain = std::move(chain)};
}
Verdict go_to(std::string chain) {
  return {.code = Verdict::Code::Goto, .chain = std::move(chain)};
}

Rule rule(std::vector<Match> matches) {
  return rule(std::move(matches), drop());
}
Rule rule(std::vector<Match> matches, RuleAction action, std::string comment) {
  return {.matches = std::move(matches), .action = std::move(action), .comment = std::move(comment)};
}

Rule counted(Rule rule, std::string counter) {
  rule.counter = std::move(counter);
  return rule;
}

Element element(std::string_view address_text) {
  return {.key = make_key(address(address_text)), .last = {}, .verdict = {}, .comment = {}};
}
Element element(std::string_view address_text, std::uint8_t protocol, std::uint16_t port) {
  return {.key = make_key(address(address_text), {protocol}, port), .last = {}, .verdict = {}, .comment = {}};
}
Element interval(std::string_view range_text) {
  const policy::AddressRange both = range(range_text);
  return {.key = make_key(both.first), .last = make_key(both.last), .verdict = {}, .comment = {}};
}
Element interface(const std::string& name) {
  return {.key = make_interface_key(name), .last = {}, .verdict = {}, .comment = {}};
}
Element with_verdict(Element element, Verdict verdict) {
  element.verdict = std::move(verdict);
  return element;
}
Element with_comment(Element element, std::string comment) {
  element.comment = std::move(comment);
  return element;
}

Set make_set(std::string name, std::vector<FieldType> type, std::vector<Element> elements) {
  return finished({.name = std::move(name),
                   .type = std::move(type),
                   .interval = false,
                   .verdict_map = false,
                   .comment = {},
                   .elements = std::move(elements)});
}
Set make_interval_set(std::string name, std::vector<FieldType> type, std::vector<Element> elements) {
  Set set = make_set(std::move(name), std::move(type), std::move(elements));
  set.interval = true;
  return set;
}
Set make_map(std::string name, std::vector<FieldType> type, std::vector<Element> elements) {
  Set set = make_set(std::move(name), std::move(type), std::move(elements));
  set.verdict_map = true;
  return set;
}

std::vector<Element> some_elements(const std::vector<FieldType>& type, std::uint32_t count) {
  std::vector<Element> elements;
  for (std::uint32_t i = 0; i < count; ++i) {
    Key key;
    if (type.front() == FieldType::IfName) key = make_interface_key("if" + std::to_string(i * 7 + 3));
    for (const FieldType field : type) {
      if (field == FieldType::IfName) continue;
      const std::size_t length = layout(field).length;
      // Spread, so that sorting by number and by bytes differ, and no two are alike.
      const std::uint32_t number = length == 4 ? 0x0a000000U + i * 2654435761U % 0x00ffffffU : (i * 7 + 3) % 251;
      key += number_key(number, length);
      key.resize((key.size() + (type.size() > 1 ? 3U : 0U)) / (type.size() > 1 ? 4U : 1U) * (type.size() > 1 ? 4U : 1U),
                 '\0');
    }
    elements.push_back({.key = std::move(key), .last = {}, .verdict = {}, .comment = {}});
  }
  return elements;
}

Chain make_chain(std::string name, std::vector<Rule> rules) {
  return {.name = std::move(name), .base = {}, .comment = {}, .rules = std::move(rules)};
}
Chain make_base_chain(std::string name, Hook hook, int priority, std::vector<Rule> rules) {
  return {.name = std::move(name),
          .base = BaseChain{.hook = hook, .priority = priority},
          .comment = {},
          .rules = std::move(rules)};
}

Ruleset make_ruleset(std::vector<Set> sets, std::vector<Chain> chains) {
  Ruleset ruleset;
  for (Set& set : sets) ruleset.sets.emplace(std::string(set.name), std::move(set));
  for (Chain& chain : chains) ruleset.chains.emplace(std::string(chain.name), std::move(chain));
  return ruleset;
}

namespace {

using enum FieldType;

/// A rule and its negation.
void add_both(std::vector<Rule>& rules, const Match& match) {
  rules.push_back(rule({match}));
  rules.push_back(rule({!match}));
}

Ruleset every_field() {
  std::vector<Rule> rules;
  for (const Field field : kPortFields) {
    add_both(rules, is(field, 80));
    add_both(rules, is(field, Numbers{{8000, 8100}}));
    add_both(rules, is(field, Numbers{{22, 22}, {80, 80}, {443, 443}}));
    add_both(rules, is(field, Numbers{{0, 0}, {80, 90}, {65530, 65535}}));
  }
  for (const Field field : kSmallFields) {
    add_both(rules, is(field, 1));
    add_both(rules, is(field, Numbers{{3, 4}}));
    add_both(rules, is(field, Numbers{{0, 0}, {8, 8}, {129, 129}}));
    add_both(rules, is(field, Numbers{{1, 1}, {133, 136}, {255, 255}}));
  }
  for (const std::uint32_t family : {2U, 10U}) add_both(rules, is(Field::NfProto, family));
  add_both(rules, is(Field::NfProto, Numbers{{2, 2}, {10, 10}}));
  for (const std::uint32_t bits : {1U, 2U, 4U, 8U, 64U, 6U, 79U}) add_both(rules, state(bits));
  for (std::uint32_t i = 0; i < 256; i += 3) rules.push_back(rule({is(Field::L4Proto, i)}));
  return make_ruleset({}, {make_chain("matches", std::move(rules))});
}

/// ::10.0.0.1 or ::ffff:10.0.0.1, which the parser of policy refuses.
policy::Address embedded_ipv4(bool mapped) {
  policy::Address address{.family = policy::Family::V6, .bytes = {}};
  if (mapped) address.bytes[10] = address.bytes[11] = 0xff;
  address.bytes[12] = 10;
  address.bytes[15] = 1;
  return address;
}

Ruleset every_address() {
  std::vector<Rule> rules;
  for (const Field field : {Field::Iif, Field::Oif}) add_both(rules, is(field, kLoopbackInterface));
  for (const Field field : {Field::IpSaddr, Field::IpDaddr}) {
    for (const std::string_view text : {"10.0.0.1", "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/9", "10.1.2.0/24",
                                        "10.1.2.4/31", "10.0.0.0-10.0.0.9", "255.255.255.255"}) {
      add_both(rules, within(field, {std::string(text)}));
    }
    add_both(rules, within(field, {"10.0.0.1", "10.0.0.2", "192.0.2.1"}));
    add_both(rules, within(field, {"0.0.0.0/8", "10.0.0.1-10.0.0.9", "192.0.2.1", "240.0.0.0/4"}));
    add_both(rules, within(field, {"10.0.0.0/8", "11.0.0.0/8", "255.255.255.255"}));
  }
  for (const Field field : {Field::Ip6Saddr, Field::Ip6Daddr}) {
    for (const std::string_view text : {"fd00::1", "::/0", "::1", "fd00::/8", "fd00::/63", "fd00::/64", "fd00::/127",
                                        "fd00::-fd00::9", "::1:2", "1:0:0:2::3", "1:0:2:3:4:5:6:7"}) {
      add_both(rules, within(field, {std::string(text)}));
    }
    add_both(rules, {.fields = {field},
                     .negated = false,
                     .right = Addresses{{.first = embedded_ipv4(false), .last = embedded_ipv4(true)}}});
    add_both(rules, within(field, {"fd00::1", "fd00::2"}));
    add_both(rules, within(field, {"::/8", "fd00::1-fd00::9", "fd00:1::/32", "fe80::/10", "ff00::/8"}));
  }
  return make_ruleset({}, {make_chain("matches", std::move(rules))});
}

Ruleset every_set() {
  const std::vector<FieldType> service4 = {Ipv4Addr, InetProto, InetService};
  const std::vector<FieldType> service6 = {Ipv6Addr, InetProto, InetService};
  Set described = make_set(
      "described", {Ipv4Addr},
      {with_comment(element("10.0.0.9"), "pod dev-app/frontend"), element("10.0.0.10"), element("9.255.255.255")});
  described.comment = "pods with app == 'frontend'";
  std::vector<Set> sets = {make_set("empty", {Ipv4Addr}),
                           make_interval_set("empty-nets", {Ipv6Addr}),
                           std::move(described),
                           make_set("service4", service4, some_elements(service4, 7)),
                           make_set("service6", service6, some_elements(service6, 3)),
                           make_set("protocols", {InetProto}, some_elements({InetProto}, 12)),
                           make_set("ports", {InetService}, some_elements({InetService}, 12)),
                           make_set("addresses6", {Ipv6Addr},
                                    {element("fd00::2"), element("fd00::1"), element("::1"), element("2001:db8::")}),
                           make_interval_set("nets4", {Ipv4Addr},
                                             {interval("10.0.0.0/8"), interval("11.0.0.0/8"), interval("12.0.0.1"),
                                              interval("12.0.0.2-12.0.0.9"), interval("255.255.255.255"),
                                              with_comment(interval("0.0.0.0/16"), "low")}),
                           make_interval_set("nets6", {Ipv6Addr},
                                             {interval("::/16"), interval("fd00::/8"), interval("fe80::1-fe80::9"),
                                              with_comment(interval("ff00::/8"), "to the end")}),
                           make_interval_set("all4", {Ipv4Addr}, {interval("0.0.0.0/0")}),
                           make_interval_set("all6", {Ipv6Addr}, {interval("::/0")})};
  std::vector<Rule> rules = {rule({is_in({Field::IpSaddr}, "described")}),
                             rule({!is_in({Field::IpDaddr}, "nets4")}),
                             rule({is_in({Field::Ip6Saddr}, "nets6")}),
                             rule({!is_in({Field::Ip6Daddr}, "addresses6")}),
                             rule({is_in({Field::TcpDport}, "ports")}),
                             rule({is_in({Field::L4Proto}, "protocols")}),
                             rule({is_in({Field::IpSaddr, Field::L4Proto, Field::ThDport}, "service4")}),
                             rule({!is_in({Field::IpDaddr, Field::L4Proto, Field::ThDport}, "service4")}),
                             rule({is_in({Field::Ip6Saddr, Field::L4Proto, Field::ThDport}, "service6")}),
                             rule({!is_in({Field::Ip6Daddr, Field::L4Proto, Field::ThDport}, "service6")})};
  return make_ruleset(std::move(sets), {make_chain("matches", std::move(rules))});
}

Ruleset every_verdict() {
  Set dispatch =
      make_map("dispatch-v4", {Ipv4Addr},
               {with_comment(with_verdict(element("10.0.0.1"), jump("eg-1")), "pod dev-app/frontend-1"),
                with_verdict(element("10.0.0.2"), go_to("eg-2")), with_verdict(element("10.0.0.3"), accept()),
                with_verdict(element("10.0.0.4"), drop()), with_verdict(element("10.0.0.5"), back())});
  dispatch.comment = "pods of this node";
  Set dispatch6 =
      make_map("dispatch-v6", {Ipv6Addr},
               {with_verdict(element("fd00::1"), jump("eg-1")), with_verdict(element("fd00::2"), jump("eg-2"))});
  Chain first = make_chain("eg-1", {rule({is(Field::TcpDport, 80)}, back(), "tier default policy dev-app/web rule 1"),
                                    rule({}, Log{.prefix = "tierwall deny: "}, "logged"),
                                    rule({is(Field::UdpDport, 53)}, Log{.prefix = "dns "}),
                                    rule({is(Field::UdpDport, 54)}, LogSample{.group = 7610, .per_second = 100}),
                                    rule({is(Field::UdpDport, 55)}, LogSample{.group = 1, .per_second = 5}, "few"),
                                    rule({is(Field::UdpDport, 56)}, TraceFirst{.packets = 3}),
                                    rule({within(Field::IpDaddr, {"10.0.0.0/8"})}, jump("eg-2")),
                                    rule({within(Field::IpDaddr, {"11.0.0.0/8"})}, go_to("eg-2")), rule({}, accept()),
                                    rule({}, drop(), "end of tier 'default'")});
  first.comment = "egress of dev-app/frontend-1 and 3 more";
  const VerdictMapLookup by_source{.field = Field::IpSaddr, .map = "dispatch-v4"};
  const VerdictMapLookup by_destination{.field = Field::IpDaddr, .map = "dispatch-v4"};
  Chain forward = make_base_chain(
      "forward", Hook::Forward, 10,
      {rule({state(ct_state::kEstablished | ct_state::kRelated)}, accept()), rule({}, by_source, "from pods"),
       rule({}, by_destination), rule({}, VerdictMapLookup{.field = Field::Ip6Saddr, .map = "dispatch-v6"}),
       rule({is(Field::L4Proto, 6)}, by_source)});
  forward.comment = "what crosses this node";
  return make_ruleset({std::move(dispatch), std::move(dispatch6)},
                      {std::move(first), make_chain("eg-2"), std::move(forward),
                       make_base_chain("input", Hook::Input, 10, {rule({}, by_source)})});
}

/// Single ports in a hash map, ranges and everything between them in an interval map.
Ruleset every_port() {
  const auto ports = [](std::uint16_t first, std::uint16_t last, Verdict verdict) {
    return Element{make_port_key(first), make_port_key(last), std::move(verdict), {}};
  };
  const auto port = [](std::uint16_t number, Verdict verdict) {
    return Element{make_port_key(number), {}, std::move(verdict), {}};
  };
  Set ranges = make_map(
      "ranges", {InetService},
      {ports(0, 79, drop()), ports(80, 80, go_to("leaf")), ports(81, 1023, back()), ports(1024, 65535, go_to("leaf"))});
  ranges.interval = true;
  const VerdictMapLookup single{.field = Field::TcpDport, .map = "single"};
  return make_ruleset(
      {make_map("single", {InetService}, {port(80, go_to("leaf")), port(443, back()), port(65535, drop())}),
       std::move(ranges)},
      {make_chain("leaf", {rule({}, drop())}),
       make_chain("split", {rule({}, single, "tcp: by single destination ports"),
                            rule({}, VerdictMapLookup{.field = Field::UdpDport, .map = "ranges"}),
                            rule({}, VerdictMapLookup{.field = Field::SctpDport, .map = "ranges"}),
                            rule({}, go_to("leaf"), "other protocols")})});
}

Ruleset every_hook() {
  std::vector<Chain> chains;
  int number = 0;
  for (const Hook hook : {Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting}) {
    for (const int priority : {-311, -310, -300, -150, -100, -10, -1, 0, 1, 10, 11, 50, 100, 110, 300}) {
      chains.push_back(make_base_chain("base-" + std::to_string(100 + number++), hook, priority));
    }
  }
  return make_ruleset({}, std::move(chains));
}

/// What only host endpoints need.
Ruleset every_host_word() {
  const Match marked = bits(Field::Mark, 0x0200'0000);
  const Match translated = bits(Field::CtStatus, ct_status::kDnat);
  std::vector<Rule> matches;
  for (const Match& match :
       {marked, translated, bits(Field::CtMark, 0x4000'0000), is(Field::FibSaddrType, kLocalAddress),
        is_in({Field::IifName}, "interfaces"), is_in({Field::OifName}, "interfaces")}) {
    add_both(matches, match);
  }
  const std::vector<Rule> dispatch = {
      rule({is(Field::NfProto, 2)}, VerdictMapLookup{.field = Field::IifName, .map = "by-interface"}, "host endpoints"),
      rule({!is(Field::Iif, kLoopbackInterface), !is_in({Field::IifName}, "interfaces"), is(Field::NfProto, 10)},
           jump("asked"))};
  const SetMark untracked{.bits = 0x0200'0000, .notrack = true, .verdict = accept()};
  const SetMark translated_later{.bits = 1, .notrack = false, .verdict = accept()};
  return make_ruleset(
      {make_set("interfaces", {IfName},
                {interface("eth0"), interface("bond0.100"), interface("a"), interface("wg-0123456789ab")}),
       make_map("by-interface", {IfName},
                {with_comment(with_verdict(interface("eth0"), jump("asked")), "HostEndpoint uplink"),
                 with_verdict(interface("eth1"), go_to("asked"))})},
      {make_chain("asked", std::move(matches)),
       make_chain("denied", {rule({is(Field::L4Proto, 6)}, Reject{true}), rule({}, Reject{})}),
       make_base_chain(
           "raw-in", Hook::Prerouting, -300,
           {rule({}, ClearMark{.bits = 0x0200'0000}, "fresh"), rule({is(Field::UdpDport, 53)}, untracked, "dns")}),
       make_base_chain("pre-dnat", Hook::Prerouting, -150, {rule({}, translated_later)}),
       make_base_chain("input", Hook::Input, 10, {dispatch[0], dispatch[1], rule({}, jump("denied"))})});
}

/// Matches that imply or follow from one another: nft lists them its own way.
Ruleset every_combination() {
  const Match tcp = is(Field::L4Proto, 6), icmp = is(Field::L4Proto, 1), ipv4 = is(Field::NfProto, 2);
  const Match ipv6 = is(Field::NfProto, 10), both = is(Field::L4Proto, Numbers{{6, 6}, {17, 17}});
  const Match from = within(Field::IpSaddr, {"10.0.0.1"}), to = within(Field::IpDaddr, {"10.0.0.0/8"});
  const Match port = is(Field::ThDport, 80), source_port = is(Field::TcpSport, 90);
  const Match service = is_in({Field::IpDaddr, Field::L4Proto, Field::ThDport}, "service4");
  const Match type = is(Field::IcmpType, 8), code = is(Field::IcmpCode, 0);
  std::vector<Rule> rules;
  for (std::vector<Match> matches :
       std::vector<std::vector<Match>>{{tcp, port},
                                       {port, tcp},
                                       {tcp, from},
                                       {from, tcp},
                                       {tcp, from, port},
                                       {both, port},
                                       {from, both, port},
                                       {both, port, from},
                                       {both, is(Field::ThDport, Numbers{{80, 90}, {443, 443}})},
                                       {tcp, service},
                                       {from, tcp, service},
                                       {both, service},
                                       {from, service},
                                       {is(Field::TcpDport, 80), service},
                                       {is(Field::L4Proto, 136), port},
                                       {is(Field::L4Proto, 132), port},
                                       {!tcp, port},
                                       {!tcp, from},
                                       {ipv4, from},
                                       {from, ipv4},
                                       {ipv4, tcp},
                                       {tcp, ipv4},
                                       {ipv4, tcp, port},
                                       {tcp, port, ipv4},
                                       {ipv4, tcp, from, port},
                                       {ipv4, service},
                                       {ipv4, type},
                                       {icmp, type},
                                       {ipv4, icmp, from, type},
                                       {icmp, from},
                                       {type, code},
                                       {code, type},
                                       {code, from, type},
                                       {type, !code},
                                       {from, type, code},
                                       {ipv6, is(Field::Icmpv6Type, 135)},
                                       {is(Field::Icmpv6Code, 0), is(Field::Icmpv6Type, 1)},
                                       {is(Field::TcpDport, 80), source_port},
                                       {source_port, is(Field::TcpDport, 80)},
                                       {is(Field::TcpDport, 80), state(ct_state::kNew), source_port},
                                       {is(Field::TcpDport, 80), !source_port},
                                       {tcp, is(Field::ThDport, 80), is(Field::ThSport, 90)},
                                       {to, from},
                                       {from, to},
                                       {from, from, to, from},
                                       {is(Field::TcpDport, Numbers{{80, 90}, {91, 91}})},
                                       {is(Field::TcpDport, Numbers{{0, 0}, {80, 80}, {81, 90}})},
                                       {is(Field::TcpDport, Numbers{{80, 80}, {81, 81}})},
                                       {state(ct_state::kNew), ipv4, from, tcp, port},
                                       {within(Field::IpSaddr, {"10.0.0.0/8", "11.0.0.0/8", "12.0.0.0-12.0.0.9"})},
                                       {ipv4, is(Field::L4Proto, 58)}}) {
    rules.push_back(rule(std::move(matches)));
  }
  rules.push_back(rule({ipv4}, VerdictMapLookup{.field = Field::IpSaddr, .map = "dispatch"}));
  rules.push_back(rule({tcp, port}, VerdictMapLookup{.field = Field::IpSaddr, .map = "dispatch"}));
  return make_ruleset({make_set("service4", {Ipv4Addr, InetProto, InetService}), make_map("dispatch", {Ipv4Addr})},
                      {make_chain("matches", std::move(rules))});
}

}  // namespace

namespace {

Ruleset every_counter() {
  Ruleset ruleset = make_ruleset(
      {},
      {make_chain("counts", {counted(rule({is(Field::TcpDport, 80)}, back(), "rule 1"), "ingress/default/a.b_c/1"),
                             counted(rule({}, Log{"tierwall: "}), "ingress/default/a.b_c/2"),
                             counted(rule({}, SetMark{.bits = 1, .notrack = false, .verdict = accept()}), "egress-x"),
                             counted(rule({}), "egress-x")})});
  for (const char* name : {"egress-x", "ingress/default/a.b_c/1", "ingress/default/a.b_c/2"}) {
    ruleset.counters[name] = {name, {}};
  }
  ruleset.counters["ingress/unused"] = {"ingress/unused", "a policy whose name is long"};
  return ruleset;
}

}  // namespace

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all = {{"empty", {}},
                                          {"fields", every_field()},
                                          {"ports", every_port()},
                                          {"addresses", every_address()},
                                          {"sets", every_set()},
                                          {"verdicts", every_verdict()},
                                          {"hooks", every_hook()},
                                          {"combinations", every_combination()},
                                          {"host_words", every_host_word()},
                                          {"counters", every_counter()}};
  return all;
}

// ---- random --------------------------------------------------------------------------------------------------

namespace {

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : engine_(seed) {}
  std::uint32_t below(std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(engine_);
  }
  bool one_in(std::uint32_t chances) { return below(chances) == 0; }

 private:
  std::mt19937 engine_;
};

std::string dotted(std::uint32_t last) {
  return "10.0.0." + std::to_string(last);
}

std::vector<Element> random_elements(Dice& dice) {
  std::vector<Element> elements;
  for (std::uint32_t i = 0; i < 12; ++i) {
    if (dice.one_in(2)) elements.push_back(with_comment(element(dotted(i)), dice.one_in(3) ? "seen twice" : ""));
  }
  return elements;
}

/// Disjoint intervals that start and end anywhere, sometimes side by side.
std::vector<Element> random_intervals(Dice& dice) {
  std::vector<Element> elements;
  std::uint32_t next = dice.below(5);
  while (next < 40) {
    const std::uint32_t last = next + dice.below(6);
    elements.push_back(interval(dotted(next) + "-" + dotted(last)));
    next = last + 1 + dice.below(4);
  }
  if (dice.one_in(3)) elements.push_back(interval("200.0.0.0-255.255.255.255"));
  if (dice.one_in(3)) elements.push_back(interval("0.0.0.0/8"));
  return elements;
}

Match random_match(Dice& dice, const std::vector<std::string>& sets, const std::string& nets) {
  switch (dice.below(6)) {
    case 0:
      return is_in({Field::IpSaddr}, sets[dice.below(static_cast<std::uint32_t>(sets.size()))]);
    case 1:
      return is_in({Field::IpDaddr}, nets);
    case 2:
      return is(Field::TcpDport, dice.below(4) + 80);
    case 3:
      return is(Field::UdpDport, Numbers{{53, 53}, {80 + dice.below(3), 90}});
    case 4:
      return !within(Field::IpSaddr, {dotted(dice.below(12))});
    default:
      return is(Field::L4Proto, Numbers{{6, 6}, {17, 17}});
  }
}

/// Compiled chains never change under their name, so the name says the content: the seed of its rules.
Chain random_chain(std::uint32_t content, const std::vector<std::string>& sets, const std::string& nets) {
  Dice dice(content);
  Chain chain = make_chain("eg-" + std::to_string(content));
  for (std::uint32_t i = dice.below(4); i-- > 0;) {
    chain.rules.push_back(
        rule({random_match(dice, sets, nets)}, dice.one_in(2) ? back() : drop(), "rule " + std::to_string(i)));
  }
  return chain;
}

}  // namespace

Ruleset random_ruleset(std::uint32_t seed) {
  Dice dice(seed);
  const std::vector<std::string> sets = {"pods-a", "pods-b"};
  Ruleset ruleset = make_ruleset({make_interval_set("nets", {FieldType::Ipv4Addr}, random_intervals(dice))}, {});
  for (const std::string& name : sets) {
    ruleset.sets[name] = make_set(name, {FieldType::Ipv4Addr}, random_elements(dice));
  }
  if (dice.one_in(2)) ruleset.sets["spare"] = make_set("spare", {FieldType::Ipv6Addr}, {element("fd00::1")});
  std::vector<std::string> chains;
  for (std::uint32_t content = 0; content < 6; ++content) {
    if (!dice.one_in(2)) continue;
    Chain chain = random_chain(content, sets, "nets");
    chains.push_back(chain.name);
    ruleset.chains[chain.name] = std::move(chain);
  }
  std::vector<Element> dispatch;
  for (std::uint32_t i = 0; i < 8 && !chains.empty(); ++i) {
    if (dice.one_in(3)) continue;
    dispatch.push_back(
        with_verdict(element(dotted(i)), jump(chains[dice.below(static_cast<std::uint32_t>(chains.size()))])));
  }
  ruleset.sets["dispatch"] = make_map("dispatch", {FieldType::Ipv4Addr}, std::move(dispatch));
  Chain forward = make_base_chain("forward", Hook::Forward, 10, {rule({state(ct_state::kEstablished)}, accept())});
  for (std::uint32_t i = dice.below(3); i-- > 0;) forward.rules.push_back(rule({random_match(dice, sets, "nets")}));
  forward.rules.push_back(rule({}, VerdictMapLookup{.field = Field::IpSaddr, .map = "dispatch"}));
  for (const char* name : {"a", "b", "c"}) {
    if (dice.one_in(2)) continue;
    ruleset.counters[name] = {name, {}};
    forward.rules.push_back(counted(rule({random_match(dice, sets, "nets")}), name));
  }
  ruleset.chains["forward"] = std::move(forward);
  return ruleset;
}

}  // namespace tierwall::nft

#pragma once
// Rulesets made by hand that use every part of nft/ruleset.h, and random ones for properties. Shorthand for matches
// and elements, so that tests read like nft.

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "nft/ruleset.h"

namespace tierwall::nft {

policy::Address address(std::string_view text);
policy::AddressRange range(std::string_view text);  ///< "10.0.0.1", "10.0.0.0/8" or "10.0.0.1-10.0.0.9"

Match is(Field field, std::uint32_t number);
Match is(Field field, Numbers numbers);
Match within(Field field, std::vector<std::string> ranges);
Match is_in(std::vector<Field> fields, std::string set);
Match state(std::uint32_t bits);
Match bits(Field field, std::uint32_t mask);
Match operator!(Match match);

Verdict jump(std::string chain);
inline Verdict accept() {
  return {.code = Verdict::Code::Accept, .chain = {}};
}
inline Verdict drop() {
  return {.code = Verdict::Code::Drop, .chain = {}};
}
inline Verdict back() {
  return {.code = Verdict::Code::Return, .chain = {}};
}
Verdict go_to(std::string chain);

/// A rule that drops what matches.
Rule rule(std::vector<Match> matches);
Rule rule(std::vector<Match> matches, RuleAction action, std::string comment = {});
Rule counted(Rule rule, std::string counter);

Element element(std::string_view address_text);
Element element(std::string_view address_text, std::uint8_t protocol, std::uint16_t port);
Element interval(std::string_view range_text);
Element interface(const std::string& name);
Element with_verdict(Element element, Verdict verdict);
Element with_comment(Element element, std::string comment);

/// Elements in any order.
Set make_set(std::string name, std::vector<FieldType> type, std::vector<Element> elements = {});
Set make_interval_set(std::string name, std::vector<FieldType> type, std::vector<Element> elements = {});
Set make_map(std::string name, std::vector<FieldType> type, std::vector<Element> elements = {});
/// So many different elements of this type.
std::vector<Element> some_elements(const std::vector<FieldType>& type, std::uint32_t count);

Chain make_chain(std::string name, std::vector<Rule> rules = {});
Chain make_base_chain(std::string name, Hook hook, int priority, std::vector<Rule> rules = {});
Ruleset make_ruleset(std::vector<Set> sets, std::vector<Chain> chains);

struct Sample {
  std::string name;  ///< of its file in tests/golden/nft
  Ruleset ruleset;

  friend void PrintTo(const Sample& sample, std::ostream* out) { *out << sample.name; }
};

const std::vector<Sample>& samples();

/// Small, from few names and addresses, so that two of them share much. Always one the kernel takes.
Ruleset random_ruleset(std::uint32_t seed);

}  // namespace tierwall::nft

// Selector text: what is printed means what was read, and reading it again changes nothing.

#include "policy/selector.h"

#include "tests/fuzz/target.h"

namespace tierwall::fuzz {

void selector(Bytes input) {
  const Result<policy::Selector> read = policy::parse_selector(text_of(input));
  if (!read) return require(read.error().kind == ErrorKind::Malformed, "what is no selector is malformed");
  const std::string canonical = policy::print_selector(*read);
  require(policy::describe_selector(*read).find('"') == std::string::npos, "descriptions have no quotes", canonical);
  if (canonical.size() > policy::kMaxSelectorLength) return;  // quotes may have become longer
  const Result<policy::Selector> again = policy::parse_selector(canonical);
  require(static_cast<bool>(again), "canonical text is a selector", canonical);
  require(policy::print_selector(*again) == canonical, "canonical text is its own canonical text", canonical);
  const policy::Selector inverted = policy::negation(*read);
  for (const policy::Labels& labels : {policy::Labels{}, policy::Labels{{"a", "b"}}, policy::Labels{{"app", "web"}}}) {
    const bool matched = policy::matches(*read, labels);
    require(policy::matches(*again, labels) == matched, "canonical text matches the same", canonical);
    require(policy::matches(inverted, labels) != matched, "a negation matches the others", canonical);
  }
}

}  // namespace tierwall::fuzz

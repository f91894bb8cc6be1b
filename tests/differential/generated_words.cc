#include "tests/differential/generated_words.h"

#include <string>

namespace tierwall::test {

namespace {

using policy::Selector;

std::vector<policy::Prefix> prefixes(std::initializer_list<const char*> texts) {
  std::vector<policy::Prefix> parsed;
  for (const char* text : texts) parsed.push_back(*policy::parse_prefix(text));
  return parsed;
}

Selector compare(Selector::Op op, std::string key, std::string value) {
  Selector selector;
  selector.op = op;
  selector.key = std::move(key);
  selector.values = {std::move(value)};
  return selector;
}

/// By labels and names that nobody can give an object but its namespace, account or profile.
Selector by_reserved_label(RandomChoice& random) {
  switch (random.number(0, 6)) {
    case 0:
      return policy::equals(std::string(policy::kNamespaceLabel), random.pick({"a", "b"}));
    case 1:
      return policy::has(std::string(policy::kNamespaceLabel));
    case 2:
      return policy::negation(policy::has(std::string(policy::kNamespaceLabel)));
    case 3:
      return policy::equals(std::string(policy::kOrchestratorLabel), "k8s");
    case 4:
      return policy::equals("pcns.env", random.pick({"a", "b"}));
    case 5:
      return policy::has("pcsa.role");
    default:
      return policy::in(std::string(policy::kServiceAccountLabel), {random.pick({"default", "ops"})});
  }
}

Selector by_own_label(RandomChoice& random) {
  switch (random.number(0, 7)) {
    case 0:
      return policy::all();
    case 1:
      return policy::has("app");
    case 2:
    case 3:
      return policy::equals("app", random.pick({"x", "y", "z"}));
    case 4:
      return compare(Selector::Op::NotEquals, "app", random.pick({"x", "y"}));
    case 5:
      return policy::in("tier", {"front", "back"});
    case 6:
      return policy::not_in("tier", {"front"});
    default:
      return compare(random.pick({Selector::Op::StartsWith, Selector::Op::EndsWith, Selector::Op::Contains}), "tier",
                     random.pick({"f", "nt", "ack"}));
  }
}

}  // namespace

policy::Labels some_labels(RandomChoice& random) {
  policy::Labels labels;
  if (random.chance(70)) labels.set("app", random.pick({"x", "y"}));
  if (random.chance(40)) labels.set("tier", random.pick({"front", "back"}));
  return labels;
}

policy::Prefix some_prefix(RandomChoice& random) {
  static const std::vector<policy::Prefix> known =
      prefixes({"10.0.0.0/30", "10.0.0.0/24", "10.0.0.2/32", "10.0.0.0/31", "10.0.0.4/30", "192.0.2.0/24",
                "203.0.113.0/24", "0.0.0.0/0", "128.0.0.0/1", "fd00::/126", "fd00::1/128", "fd00::4/126",
                "2001:db8::/32", "2001:db8:2::100/128", "8000::/1", "::/0"});
  return random.pick(known);
}

policy::Prefix some_excluded_prefix(RandomChoice& random) {
  static const std::vector<policy::Prefix> known = prefixes({"10.0.0.0/30", "10.0.0.2/32", "10.0.0.0/24", "0.0.0.0/1",
                                                             "fd00::/127", "fd00::/126", "fd00::3/128", "8000::/1"});
  return random.pick(known);
}

std::uint16_t some_port(RandomChoice& random) {
  return static_cast<std::uint16_t>(random.pick({1, 53, 79, 80, 81, 100, 443, 65535}));
}

std::vector<policy::PortRange> some_port_ranges(RandomChoice& random) {
  using Ranges = std::vector<policy::PortRange>;
  switch (random.number(0, 7)) {
    case 0:
    case 1:
    case 2:
      return Ranges{{80, 80}};
    case 3:
      return Ranges{{1, 79}, {81, 100}};
    case 4:
      return Ranges{{443, 65535}};
    case 5:
      return Ranges{{53, 53}, {80, 100}, {65535, 65535}};
    case 6:
      return Ranges{{1, 65535}};
    default: {
      const std::uint16_t port = some_port(random);
      return Ranges{{port, port}};
    }
  }
}

std::vector<std::string> some_port_names(RandomChoice& random) {
  switch (random.number(0, 4)) {
    case 0:
      return {"dns"};
    case 1:
      return {"dns", "web"};
    case 2:
      return {"nobody-has-it"};
    default:
      return {"web"};
  }
}

Selector some_selector(RandomChoice& random, int depth) {
  switch (random.number(0, depth > 0 ? 8 : 5)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return by_own_label(random);
    case 4:
    case 5:
      return by_reserved_label(random);
    case 6:
      return policy::negation(some_selector(random, depth - 1));
    case 7:
      return policy::conjunction({some_selector(random, depth - 1), some_selector(random, depth - 1)});
    default: {
      Selector either;
      either.op = Selector::Op::Or;
      either.operands = {some_selector(random, depth - 1), some_selector(random, depth - 1)};
      return either;
    }
  }
}

Selector some_pods(RandomChoice& random, const std::string& ns) {
  std::vector<Selector> terms = {policy::equals(std::string(policy::kOrchestratorLabel), "k8s")};
  if (!ns.empty()) {
    terms.push_back(policy::equals(std::string(policy::kNamespaceLabel), ns));
  } else if (random.chance(50)) {
    terms.push_back(policy::equals("pcns.env", random.pick({"a", "b"})));
  }
  if (random.chance(60)) terms.push_back(by_own_label(random));
  return policy::conjunction(std::move(terms));
}

}  // namespace tierwall::test

#include "tests/vocabulary/world.h"

#include <sstream>
#include <stdexcept>

#include "daemon/sources/decode_manifest.h"
#include "nft/compile.h"
#include "nft/simulate.h"
#include "policy/resolve.h"

namespace tierwall::test {

namespace {

[[noreturn]] void bad_question(const std::string& why) {
  throw std::invalid_argument("bad question: " + why);
}

struct End {
  const policy::ResolvedEndpoint* endpoint = nullptr;
  std::vector<policy::Address> addresses;
};

End find_end(const policy::NodePolicy& policy, const std::string& text) {
  if (const auto address = policy::parse_address(text)) return {policy.find_endpoint(*address), {*address}};
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) bad_question(text);
  const policy::ResourceKey key{policy::Kind::Pod, text.substr(0, slash), text.substr(slash + 1)};
  const policy::ResolvedEndpoint* endpoint = policy.find_endpoint(key);
  if (endpoint == nullptr) bad_question("no endpoint " + text);
  return {endpoint, endpoint->addresses};
}

/// The first pair of addresses of one family.
void choose_addresses(const End& from, const End& to, policy::Flow& flow) {
  for (const policy::Address& source : from.addresses) {
    for (const policy::Address& destination : to.addresses) {
      if (source.family != destination.family) continue;
      flow.source = source;
      flow.destination = destination;
      flow.family = source.family;
      return;
    }
  }
  bad_question("no common family");
}

std::uint8_t to_byte(const std::string& text) {
  return static_cast<std::uint8_t>(std::stoi(text));
}

void read_service(std::istringstream& words, policy::Flow& flow) {
  std::string protocol;
  std::string port;
  words >> protocol >> port;
  const auto parsed = policy::parse_protocol(protocol);
  if (!parsed) bad_question(parsed.error().message);
  flow.protocol = *parsed;
  if (flow.protocol == policy::kIcmp || flow.protocol == policy::kIcmpv6) {
    const std::size_t slash = port.find('/');
    flow.icmp.type = port.empty() ? std::uint8_t{8} : to_byte(port.substr(0, slash));
    flow.icmp.code = slash == std::string::npos ? std::uint8_t{0} : to_byte(port.substr(slash + 1));
    return;
  }
  flow.source_port = 40000;
  if (!port.empty()) flow.destination_port = static_cast<std::uint16_t>(std::stoi(port));
}

policy::Verdict simulate_verdict(const policy::NodePolicy& policy, const policy::Flow& flow) {
  const auto ruleset = nft::compile(policy, {});
  if (!ruleset) throw std::invalid_argument(ruleset.error().message);
  const bool accepted = nft::simulate(*ruleset, nft::to_packet(flow)).end == nft::Walk::End::Accepted;
  return accepted ? policy::Verdict::Allow : policy::Verdict::Deny;
}

}  // namespace

World World::of(std::string_view manifests) {
  return World().with(manifests);
}

World World::with(std::string_view manifests) const {
  World world = *this;
  const std::string file = "manifests-" + std::to_string(++world.files_) + ".yaml";
  for (const daemon::DecodedObject& object : daemon::decode_manifest(manifests, file).objects) {
    world.inventory_.apply({"directory", object.key, policy::ResourceEvent::Change::Upsert, object.resource,
                            object.where, object.problems});
  }
  return world;
}

std::vector<std::string> World::problems() const {
  std::vector<std::string> lines;
  for (const policy::Diagnostic& problem : inventory_.problems()) lines.push_back(print_diagnostic(problem));
  return lines;
}

std::string World::judge(std::string_view question) const {
  std::istringstream words{std::string(question)};
  std::string from;
  std::string arrow;
  std::string to;
  words >> from >> arrow >> to;
  if (arrow != "->") bad_question(std::string(question));
  const policy::NodePolicy policy = policy::resolve(snapshot(), {});
  const End source = find_end(policy, from);
  const End destination = find_end(policy, to);
  policy::Flow flow;
  choose_addresses(source, destination, flow);
  read_service(words, flow);

  const policy::ConnectionDecision decision =
      policy::evaluate_connection(policy, source.endpoint, destination.endpoint, flow);
  const std::string answer = std::string(policy::print_verdict(decision.verdict)) + ": egress " +
                             print_decision(decision.egress) + ", ingress " + print_decision(decision.ingress);
  const bool judged = source.endpoint == nullptr || source.endpoint != destination.endpoint;
  const bool agree = !judged || simulate_verdict(policy, flow) == decision.verdict;
  return agree ? answer : "DISAGREEMENT with the simulated table, which says the opposite of " + answer;
}

std::string print_decision(const std::optional<policy::Decision>& decision) {
  if (!decision) return "-";
  std::string text(policy::print_reason(decision->reason));
  if (!decision->tier.empty()) text += " " + decision->tier;
  if (decision->reason == policy::Reason::NoPolicy) return text;
  if (decision->policy) text += " " + policy::print_key(*decision->policy);
  if (decision->rule) text += " " + std::to_string(*decision->rule);
  return text;
}

}  // namespace tierwall::test

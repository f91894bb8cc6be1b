#include "tests/differential/judges.h"

#include "nft/compile.h"
#include "nft/print.h"
#include "policy/resolve.h"
#include "tests/differential/describe_world.h"
#include "tests/differential/shrink.h"

namespace tierwall::test {

Judges::Judges(const GeneratedWorld& world)
    : policy_(policy::resolve(world.snapshot, {kJudgedNode}, world.tie_break)),
      table_(*nft::compile(policy_, {.flattening = world.flattening})) {}

std::optional<Answers> Judges::ask(const policy::Flow& flow) const {
  const policy::ResolvedEndpoint* source = policy_.find_endpoint(*flow.source);
  const policy::ResolvedEndpoint* destination = policy_.find_endpoint(*flow.destination);
  if (flow.source == flow.destination || (source != nullptr && source == destination)) return std::nullopt;
  const bool accepted = walk(flow).end == nft::Walk::End::Accepted;
  return Answers{policy::evaluate_connection(policy_, source, destination, flow).verdict,
                 accepted ? policy::Verdict::Allow : policy::Verdict::Deny};
}

nft::Walk Judges::walk(const policy::Flow& flow) const {
  return nft::simulate(table_, nft::to_packet(flow));
}

std::string report_disagreement(const GeneratedWorld& world, const policy::Flow& flow) {
  const auto disagree = [&](const policy::Snapshot& smaller) {
    const auto answers = Judges({smaller, world.tie_break, world.flattening}).ask(flow);
    return answers && !answers->agree();
  };
  const GeneratedWorld smallest{shrink(world.snapshot, disagree), world.tie_break, world.flattening};
  const Judges judges(smallest);
  const auto answers = judges.ask(flow);
  TIERWALL_CHECK(answers);
  std::string text = print_flow(flow) + ": the evaluator says " + std::string(print_verdict(answers->evaluator)) +
                     ", the table says " + std::string(print_verdict(answers->table)) + "\n" +
                     describe_world(smallest.snapshot) + print(judges.table());
  const nft::Walk walk = judges.walk(flow);
  for (const nft::Walk::Step& step : walk.steps) text += "  " + step.chain + ": " + step.rule + "\n";
  return text;
}

}  // namespace tierwall::test

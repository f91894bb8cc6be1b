// The reference evaluator and the simulated table agree about every flow of a world. The bytes choose both.

#include "tests/differential/generated_world.h"
#include "tests/differential/judges.h"
#include "tests/fuzz/target.h"

namespace tierwall::fuzz {

void world(Bytes input) {
  // Flows choose from the back, so that a change of the world does not change all of them.
  const std::size_t kept_back = input.size() / 4;
  test::RandomChoice objects(input.first(input.size() - kept_back));
  test::RandomChoice questions(input.last(kept_back));
  const test::GeneratedWorld world = test::generate_world(objects);
  const test::Judges judges(world);
  for (const policy::Flow& flow : test::generate_flows(world.snapshot, questions, 24)) {
    const auto answers = judges.ask(flow);
    if (!answers || answers->agree()) continue;
    require(false, "evaluator == simulated table", test::report_disagreement(world, flow));
  }
}

}  // namespace tierwall::fuzz

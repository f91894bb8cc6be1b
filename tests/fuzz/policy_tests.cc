// Files of `tierwall test`.

#include "daemon/ctl/policy_tests.h"
#include "tests/fuzz/target.h"

namespace tierwall::fuzz {

void policy_tests(Bytes input) {
  const daemon::ctl::PolicyTestFile read = daemon::ctl::read_policy_tests(text_of(input), "tests.yaml");
  for (const policy::Diagnostic& problem : read.problems) require(!problem.message.empty(), "a problem is told");
  if (!read.problems.empty()) return;
  require(!read.tests.empty(), "a good file has tests");
  for (const daemon::ctl::PolicyTest& test : read.tests) {
    require(!test.flows.empty(), "a good test asks about a connection", test.name);
    static_cast<void>(daemon::ctl::parse_flow(test.flows.front()));
  }
}

}  // namespace tierwall::fuzz

#pragma once
// The file of `tierwall test`: expected verdicts, as continuous integration of a policy repository runs them.
//
//   tests:
//   - name: backend takes 8080 from frontend
//     from: pod:shop/frontend-1               # or a list; from x to are all tried
//     to: [pod:shop/backend-1, pod:shop/backend-2]
//     proto: tcp                              # the default
//     dport: 8080
//     expect: allow                           # or deny
//     staged: deny                            # optional: the verdict if the staged policies were enforced
//     because: NetworkPolicy shop/backend     # optional: the policy that must decide, or "tier NAME"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/ctl/flow_text.h"
#include "policy/diagnostic.h"

namespace tierwall::daemon::ctl {

/// Connections that one file may ask about.
inline constexpr std::size_t kMaxTestedFlows = 1'000'000;

struct PolicyTest {
  policy::Location where;
  std::string name;
  std::vector<FlowWords> flows;  ///< every combination of its ends, in the order written
  policy::Verdict expect = policy::Verdict::Deny;
  std::optional<policy::Verdict> staged;  ///< what the staged policies would make of it
  std::optional<std::string> because;
};

struct PolicyTestFile {
  std::vector<PolicyTest> tests;
  std::vector<policy::Diagnostic> problems;  ///< all of the file; with any, `tests` is not to be run
};

PolicyTestFile read_policy_tests(std::string_view text, const std::string& file);

}  // namespace tierwall::daemon::ctl

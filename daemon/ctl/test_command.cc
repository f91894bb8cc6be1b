#include "daemon/ctl/test_command.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "daemon/ctl/connection.h"
#include "daemon/ctl/explanation.h"
#include "daemon/ctl/policy_tests.h"
#include "daemon/ctl/read_world.h"
#include "daemon/ctl/second_opinion.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

constexpr std::string_view kVerb = "test";

/// One flow of one test, judged.
struct Case {
  const PolicyTest* test = nullptr;
  const FlowWords* words = nullptr;
  policy::Verdict verdict = policy::Verdict::Deny;
  std::string service;
  std::string sentence;
  bool as_expected = false;
  bool because_differs = false;  ///< the verdict is right, but another policy decided
};

/// For a denied connection the sides that deny, for an allowed one both.
bool is_decided_by(const Connection& connection, const std::string& because) {
  const policy::ConnectionDecision& decision = connection.decision;
  return std::ranges::any_of(
      std::initializer_list<const std::optional<policy::Decision>*>{&decision.egress, &decision.ingress},
      [&](const std::optional<policy::Decision>* side) {
        return *side && (*side)->verdict == decision.verdict && is_because_of(**side, because);
      });
}

Case judge(const PolicyTest& test, const FlowWords& words, const Connection& connection) {
  Case result;
  result.test = &test;
  result.words = &words;
  result.verdict = connection.decision.verdict;
  result.service = print_service(connection.flow);
  result.sentence = summarise(connection);
  const bool same = result.verdict == test.expect;
  result.because_differs = same && test.because && !is_decided_by(connection, *test.because);
  result.as_expected = same && !result.because_differs;
  return result;
}

/// Every flow judged; a flow that cannot exist in this world is a mistake in the file, at the test's line.
std::vector<Case> run_tests(const PolicyTestFile& file, const policy::Snapshot& snapshot, const TestOptions& options,
                            const Context& context, std::vector<policy::Diagnostic>& problems) {
  const ConnectionJudge judge_of(snapshot, options.node, context.environment.host_name);
  CompiledTables tables(snapshot);
  std::vector<Case> cases;
  for (const PolicyTest& test : file.tests) {
    for (const FlowWords& words : test.flows) {
      const Result<FlowText> flow = parse_flow(words);
      const Result<Connection> connection = flow ? judge_of.judge(*flow) : Result<Connection>(flow.error());
      if (!connection) {
        problems.push_back(
            {test.where, policy::Severity::Error, "", "", test.name + ": " + connection.error().message});
        continue;
      }
      const Result<std::optional<std::string>> disagreement = tables.find_disagreement(*connection);
      if (disagreement && *disagreement) {
        context.err << "bug: evaluator and compiled table disagree: " << **disagreement << '\n';
      }
      cases.push_back(judge(test, words, *connection));
    }
  }
  return cases;
}

std::string print_failed(const Case& result, bool color) {
  const std::string because = result.because_differs ? " because of " + *result.test->because : std::string();
  return fmt::format(
      "{} {}\n  {} -> {} {}: expected {}{}, got {}\n  {}\n", paint("FAIL", Color::Red, color), result.test->name,
      result.words->from, result.words->to, result.service, policy::print_verdict(result.test->expect), because,
      result.because_differs ? "another reason" : policy::print_verdict(result.verdict), result.sentence);
}

Json to_json(const Case& result) {
  Json json;
  json["name"] = result.test->name;
  json["file"] = result.test->where.file;
  json["line"] = result.test->where.line;
  json["from"] = result.words->from;
  json["to"] = result.words->to;
  json["service"] = result.service;
  json["expect"] = policy::print_verdict(result.test->expect);
  if (result.test->because) json["because"] = *result.test->because;
  json["verdict"] = policy::print_verdict(result.verdict);
  json["pass"] = result.as_expected;
  json["reason"] = result.sentence;
  return json;
}

void print_cases(const std::vector<Case>& cases, std::size_t failed, const TestOptions& options,
                 const Context& context) {
  const std::size_t passed = cases.size() - failed;
  if (options.output == Output::Json) {
    Json json = {{"passed", passed}, {"failed", failed}, {"cases", Json::array()}};
    for (const Case& result : cases) json["cases"].push_back(to_json(result));
    context.out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
    return;
  }
  for (const Case& result : cases) {
    if (!result.as_expected) context.out << print_failed(result, context.color);
  }
  context.out << fmt::format("{}: {} passed, {} failed\n", count(cases.size(), "flow"), passed, failed);
}

bool report(const std::vector<policy::Diagnostic>& problems, const Context& context) {
  for (const policy::Diagnostic& problem : problems) context.err << policy::print_diagnostic(problem) << '\n';
  return !problems.empty();
}

}  // namespace

int test_command(const TestOptions& options, const Context& context) {
  const Result<std::string> text = read_file(options.tests);
  if (!text) {
    print_failure(context, kVerb, text.error().message);
    return exit_code::kBadInput;
  }
  const PolicyTestFile file = read_policy_tests(*text, options.tests);
  if (report(file.problems, context)) return exit_code::kBadInput;
  const std::optional<LoadedWorld> world = read_world(options.paths, kVerb, context);
  if (!world) return exit_code::kBadInput;
  std::vector<policy::Diagnostic> problems;
  const std::vector<Case> cases = run_tests(file, world->inventory.snapshot(), options, context, problems);
  if (report(problems, context)) return exit_code::kBadInput;
  const auto failed = static_cast<std::size_t>(std::ranges::count(cases, false, &Case::as_expected));
  print_cases(cases, failed, options, context);
  return failed == 0 ? exit_code::kOk : exit_code::kTestsFailed;
}

}  // namespace tierwall::daemon::ctl

#include "daemon/ctl/test_command.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "daemon/ctl/policy_tests.h"
#include "daemon/ctl/read_world.h"
#include "daemon/ctl/sentence.h"
#include "daemon/ctl/staged_text.h"
#include "daemon/ctl/structured_text.h"
#include "daemon/ctl/terminal.h"
#include "daemon/ctl/verify_aloud.h"

namespace tierwall::daemon::ctl {

namespace {

constexpr std::string_view kTestVerb = "test";

/// One flow of one test, judged.
struct Case {
  const PolicyTest* test = nullptr;
  const FlowWords* words = nullptr;
  policy::Verdict verdict = policy::Verdict::Deny;
  policy::Verdict staged = policy::Verdict::Deny;  ///< the same as `verdict` without staged policies
  std::string service;
  std::string sentence;
  std::optional<std::string> staged_sentence;
  std::vector<std::string> failures;  ///< what was expected and what came, in words
};

/// For a denied connection those who deny, for an allowed one all that were asked.
bool is_decided_by(const Connection& connection, const std::string& because) {
  const std::vector<const policy::Decision*> decisions = connection.decisions();
  return std::ranges::any_of(decisions, [&](const policy::Decision* decision) {
    return decision->verdict == connection.decision.verdict && is_because_of(*decision, because);
  });
}

std::vector<std::string> find_failures(const PolicyTest& test, const Answer& answer) {
  std::vector<std::string> failures;
  const policy::Verdict verdict = answer.today.decision.verdict;
  if (verdict != test.expect) {
    failures.push_back(
        fmt::format("expected {}, got {}", policy::print_verdict(test.expect), policy::print_verdict(verdict)));
  } else if (test.because && !is_decided_by(answer.today, *test.because)) {
    failures.push_back(fmt::format("expected {} because of {}, got {} for another reason",
                                   policy::print_verdict(test.expect), *test.because, policy::print_verdict(verdict)));
  }
  if (test.staged && answer.staged_verdict() != *test.staged) {
    failures.push_back(fmt::format("expected {} with staged policies enforced, got {}",
                                   policy::print_verdict(*test.staged),
                                   policy::print_verdict(answer.staged_verdict())));
  }
  return failures;
}

Case judge(const PolicyTest& test, const FlowWords& words, const Answer& answer) {
  Case result;
  result.test = &test;
  result.words = &words;
  result.verdict = answer.today.decision.verdict;
  result.staged = answer.staged_verdict();
  result.service = print_service(answer.today.flow);
  result.sentence = summarise(answer.today);
  if (answer.staged) result.staged_sentence = summarise_change(answer);
  result.failures = find_failures(test, answer);
  return result;
}

/// Every flow judged; a flow that cannot exist in this world is a mistake in the file, at the test's line.
std::vector<Case> run_tests(const PolicyTestFile& file, Worlds& worlds, const Context& context,
                            std::vector<policy::Diagnostic>& problems) {
  std::vector<Case> cases;
  for (const PolicyTest& test : file.tests) {
    for (const FlowWords& words : test.flows) {
      const Result<FlowText> flow = parse_flow(words);
      Result<Answer> answer = flow ? worlds.ask(*flow) : Result<Answer>(flow.error());
      if (!answer) {
        problems.push_back({test.where, policy::Severity::Error, "", "", test.name + ": " + answer.error().message});
        continue;
      }
      verify_aloud(worlds, *answer, context, kTestVerb);
      cases.push_back(judge(test, words, *answer));
    }
  }
  return cases;
}

std::string print_failed(const Case& result, bool color) {
  const policy::Location& where = result.test->where;
  std::string text =
      fmt::format("{} {} ({}:{})\n", paint("FAIL", Color::Red, color), result.test->name, where.file, where.line);
  text += wrap(fmt::format("flow: {} -> {}, {}", result.words->from, result.words->to, result.service), 2, 4);
  for (const std::string& failure : result.failures) text += wrap(failure, 2, 4);
  text += wrap(result.sentence, 2, 4);
  if (result.test->staged && result.staged_sentence) text += wrap(*result.staged_sentence, 2, 4);
  return text;
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
  if (result.test->staged) {
    json["staged"] = {{"expect", policy::print_verdict(*result.test->staged)},
                      {"verdict", policy::print_verdict(result.staged)}};
  }
  json["pass"] = result.failures.empty();
  json["reason"] = result.sentence;
  return json;
}

void print_cases(const std::vector<Case>& cases, std::size_t failed, const TestOptions& options,
                 const Context& context) {
  const std::size_t passed = cases.size() - failed;
  if (options.output == Output::Json) {
    Json json = {{"passed", passed}, {"failed", failed}, {"cases", Json::array()}};
    for (const Case& result : cases) json["cases"].push_back(to_json(result));
    context.out << print_structured(json, Output::Json);
    return;
  }
  for (const Case& result : cases) {
    if (!result.failures.empty()) context.out << print_failed(result, context.color) << '\n';
  }
  context.out << paint(failed == 0 ? "PASS" : "FAIL", failed == 0 ? Color::Green : Color::Red, context.color)
              << fmt::format(" {} of {} as expected, {} failed\n", passed, count(cases.size(), "flow"), failed);
}

bool report(const std::vector<policy::Diagnostic>& problems, const Context& context) {
  for (const policy::Diagnostic& problem : problems) context.err << policy::print_diagnostic(problem) << '\n';
  return !problems.empty();
}

}  // namespace

int test_command(const TestOptions& options, const Context& context) {
  const Result<std::string> text = read_file(options.tests);
  if (!text) {
    print_failure(context, kTestVerb, text.error().message);
    return exit_code::kBadInput;
  }
  const PolicyTestFile file = read_policy_tests(*text, options.tests);
  if (report(file.problems, context)) return exit_code::kBadInput;
  const std::optional<LoadedWorld> world = read_world(options.paths, kTestVerb, context);
  if (!world) return exit_code::kBadInput;
  std::vector<policy::Diagnostic> problems;
  Worlds worlds(world->inventory.snapshot(), {options.node, context.environment.host_name, options.tie_break});
  const std::vector<Case> cases = run_tests(file, worlds, context, problems);
  if (report(problems, context)) return exit_code::kBadInput;
  const auto failed = static_cast<std::size_t>(
      std::ranges::count_if(cases, [](const Case& result) { return !result.failures.empty(); }));
  print_cases(cases, failed, options, context);
  return failed == 0 ? exit_code::kOk : exit_code::kTestsFailed;
}

}  // namespace tierwall::daemon::ctl

#include "daemon/ctl/explain_command.h"

#include <algorithm>
#include <fstream>
#include <istream>
#include <ostream>
#include <utility>

#include "daemon/ctl/connection.h"
#include "daemon/ctl/explanation.h"
#include "daemon/ctl/read_world.h"
#include "daemon/ctl/second_opinion.h"

namespace tierwall::daemon::ctl {

namespace {

constexpr std::string_view kVerb = "explain";

/// What is asked for twice or not at all; absent if the options fit together.
std::optional<std::string> find_usage_error(const ExplainOptions& options) {
  if (options.paths.empty()) return "this version explains manifests only: name them with -f PATH";
  const bool one = !options.flow.from.empty() || !options.flow.to.empty();
  if (options.flows && one) return "--flows and --from/--to exclude each other";
  if (options.flows && options.output.value_or(Output::JsonLines) != Output::JsonLines) {
    return "--flows answers one JSON object per line: -o jsonl";
  }
  if (options.flows == "-" && std::ranges::count(options.paths, "-") > 0) {
    return "standard input is either manifests (-f -) or flows (--flows -)";
  }
  if (options.flows) return std::nullopt;
  if (options.flow.from.empty() || options.flow.to.empty()) return "name both ends: --from EP --to EP";
  if (options.output == Output::JsonLines) return "-o jsonl goes with --flows";
  return std::nullopt;
}

/// Asks the compiled tables and tells on the error stream what is not as it should be.
std::optional<std::string> verify(CompiledTables& tables, const Connection& connection, const Context& context) {
  Result<std::optional<std::string>> disagreement = tables.find_disagreement(connection);
  if (!disagreement) {
    print_failure(context, kVerb, "the compiled table could not be asked: " + disagreement.error().message);
    return std::nullopt;
  }
  if (*disagreement) {
    context.err << "bug: evaluator and compiled table disagree: " << **disagreement
                << "; please report it with the manifests\n";
  }
  return *std::move(disagreement);
}

int explain_one(const ExplainOptions& options, const ConnectionJudge& judge, CompiledTables& tables,
                const Context& context) {
  const Result<FlowText> flow = parse_flow(options.flow);
  const Result<Connection> connection = flow ? judge.judge(*flow) : Result<Connection>(flow.error());
  if (!connection) {
    print_failure(context, kVerb, connection.error().message);
    return exit_code::kBadInput;
  }
  const std::optional<std::string> disagreement = verify(tables, *connection, context);
  if (options.output == Output::Json) {
    context.out << explain_in_json(*connection, disagreement).dump(2) << '\n';
  } else {
    context.out << explain_in_text(*connection, judge.policy(), context.color);
  }
  return connection->decision.verdict == policy::Verdict::Allow ? exit_code::kOk : exit_code::kDenied;
}

Result<Connection> judge_line(const std::string& line, const ConnectionJudge& judge) {
  const Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded()) return malformed("not JSON");
  const Result<FlowWords> words = words_from_json(json);
  if (!words) return words.error();
  const Result<FlowText> flow = parse_flow(*words);
  if (!flow) return flow.error();
  return judge.judge(*flow);
}

/// One answer per line, written before the next line is waited for, so that a program can talk to us through pipes.
int explain_flows(std::istream& flows, bool with_tables, const ConnectionJudge& judge, CompiledTables& tables,
                  const Context& context) {
  int exit = exit_code::kOk;
  std::string line;
  for (std::size_t number = 1; std::getline(flows, line) && context.out; ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const Result<Connection> connection = judge_line(line, judge);
    if (connection) {
      const auto disagreement = with_tables ? verify(tables, *connection, context) : std::nullopt;
      context.out << explain_in_json(*connection, disagreement).dump();
    } else {
      // What a bad line holds may be no UTF-8; the answer always is.
      const Json answer = {{"error", connection.error().message}, {"line", number}};
      context.out << answer.dump(-1, ' ', false, Json::error_handler_t::replace);
      exit = exit_code::kBadInput;
    }
    context.out << '\n';
    if (flows.rdbuf()->in_avail() <= 0) context.out.flush();
  }
  return exit;
}

int explain_file(const ExplainOptions& options, const ConnectionJudge& judge, CompiledTables& tables,
                 const Context& context) {
  if (*options.flows == "-") return explain_flows(context.in, options.verify, judge, tables, context);
  std::ifstream file(*options.flows);
  const int exit = file ? explain_flows(file, options.verify, judge, tables, context) : exit_code::kBadInput;
  // A directory opens like a file and fails when it is read.
  if (file.is_open() && !file.bad()) return exit;
  print_failure(context, kVerb, *options.flows + ": cannot be read");
  return exit_code::kBadInput;
}

}  // namespace

int explain_command(const ExplainOptions& options, const Context& context) {
  if (const auto error = find_usage_error(options)) {
    print_failure(context, kVerb, *error);
    return exit_code::kBadInput;
  }
  const std::optional<LoadedWorld> world = read_world(options.paths, kVerb, context);
  if (!world) return exit_code::kBadInput;
  const policy::Snapshot& snapshot = world->inventory.snapshot();
  const ConnectionJudge judge(snapshot, options.node, context.environment.host_name);
  CompiledTables tables(snapshot);
  return options.flows ? explain_file(options, judge, tables, context) : explain_one(options, judge, tables, context);
}

}  // namespace tierwall::daemon::ctl

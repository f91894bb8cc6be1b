#include "daemon/ctl/explain_command.h"

#include <algorithm>
#include <fstream>
#include <istream>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "daemon/ctl/answer_json.h"
#include "daemon/ctl/explanation.h"
#include "daemon/ctl/node_world.h"
#include "daemon/ctl/pasted_line.h"
#include "daemon/ctl/read_world.h"
#include "daemon/ctl/structured_text.h"
#include "daemon/ctl/terminal.h"
#include "daemon/ctl/verify_aloud.h"

namespace tierwall::daemon::ctl {

namespace {

constexpr std::string_view kExplainVerb = "explain";

/// What is asked for twice or not at all; absent if the options fit together.
std::optional<std::string> find_usage_error(const ExplainOptions& options) {
  if (options.pending && !options.paths.empty()) return "--pending is about this node, not about manifests (-f)";
  const bool one = !options.flow.from.empty() || !options.flow.to.empty();
  if (options.flows && one) return "--flows and --from/--to exclude each other";
  if (options.flows && options.output.value_or(Output::JsonLines) != Output::JsonLines) {
    return "--flows answers one JSON object per line: -o jsonl";
  }
  if (options.flows == "-" && std::ranges::count(options.paths, "-") > 0) {
    return "standard input is either manifests (-f -) or flows (--flows -)";
  }
  if (!options.line.empty() && (one || options.flows)) return "--line stands for --from, --to and all else of the flow";
  if (options.flows || !options.line.empty()) return std::nullopt;
  if (options.flow.from.empty() || options.flow.to.empty()) return "name both ends: --from EP --to EP";
  if (options.output == Output::JsonLines) return "-o jsonl goes with --flows";
  return std::nullopt;
}

int exit_of(policy::Verdict verdict) {
  return verdict == policy::Verdict::Allow ? exit_code::kOk : exit_code::kDenied;
}

Result<Answer> ask_one(const ExplainOptions& options, const Worlds& worlds) {
  const Result<FlowWords> words = options.line.empty() ? options.flow : words_from_line(options.line);
  if (!words) return words.error();
  const Result<FlowText> flow = parse_flow(*words);
  return flow ? worlds.ask(*flow) : Result<Answer>(flow.error());
}

int explain_one(const ExplainOptions& options, Worlds& worlds, const Context& context) {
  Result<Answer> answer = ask_one(options, worlds);
  if (!answer) {
    print_failure(context, kExplainVerb, answer.error().message);
    return exit_code::kBadInput;
  }
  verify_aloud(worlds, *answer, context, kExplainVerb);
  if (options.output == Output::Json) {
    context.out << print_structured(to_json(*answer), Output::Json);
  } else {
    context.out << explain_in_text(*answer, worlds, context.color);
  }
  return exit_of(answer->today.decision.verdict);
}

Result<Answer> answer_line(const std::string& line, const Worlds& worlds) {
  const Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded()) return malformed("not JSON");
  const Result<FlowWords> words = words_from_json(json);
  if (!words) return words.error();
  const Result<FlowText> flow = parse_flow(*words);
  if (!flow) return flow.error();
  return worlds.ask(*flow);
}

/// One answer per line, written before the next line is waited for, so that a program can talk to us through pipes.
int explain_flows(std::istream& flows, bool with_tables, Worlds& worlds, const Context& context) {
  int exit = exit_code::kOk;
  std::string line;
  for (std::size_t number = 1; std::getline(flows, line) && context.out; ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    Result<Answer> answer = answer_line(line, worlds);
    if (answer) {
      if (with_tables) verify_aloud(worlds, *answer, context, kExplainVerb);
      context.out << to_json(*answer).dump();
    } else {
      // What a bad line holds may be no UTF-8; the answer always is.
      const Json refusal = {{"error", answer.error().message}, {"line", number}};
      context.out << refusal.dump(-1, ' ', false, Json::error_handler_t::replace);
      exit = exit_code::kBadInput;
    }
    context.out << '\n';
    if (flows.rdbuf()->in_avail() <= 0) context.out.flush();
  }
  return exit;
}

int explain_file(const ExplainOptions& options, Worlds& worlds, const Context& context) {
  if (*options.flows == "-") return explain_flows(context.in, options.verify, worlds, context);
  std::ifstream file(*options.flows);
  const int exit = file ? explain_flows(file, options.verify, worlds, context) : exit_code::kBadInput;
  // A directory opens like a file and fails when it is read.
  if (file.is_open() && !file.bad()) return exit;
  print_failure(context, kExplainVerb, *options.flows + ": cannot be read");
  return exit_code::kBadInput;
}

// ---- of this node ---------------------------------------------------------------------------------------------

std::optional<TableInForce> table_in_force(const NodeDoors& doors, const NodeWorld& world) {
  if (!world.is_running) return std::nullopt;
  return TableInForce{world.facts.settings.node,
                      [&doors](const nft::Packet& packet) { return ask_table(doors, packet); }};
}

/// Where the objects ask for something else than what the table in force does, and the daemon knows why, that is no
/// bug: the table counts, and the objects say what is to come.
int explain_pending(const ExplainOptions& options, const Answer& answer, const NodeFacts& facts, const Worlds& worlds,
                    const Context& context) {
  using policy::Verdict;
  const Verdict asked_for = answer.today.decision.verdict;
  const Verdict in_force = asked_for == Verdict::Allow ? Verdict::Deny : Verdict::Allow;
  if (options.output == Output::Json) {
    Json json = to_json(answer);
    json.erase("disagreement");
    json["in_force"] = {{"verdict", policy::print_verdict(in_force)}, {"pending", facts.pending}};
    context.out << print_structured(json, Output::Json);
  } else {
    context.out << explain_in_text(answer, worlds, context.color) << '\n'
                << wrap(
                       fmt::format("That is what the objects ask for and not in force yet: {}. Until then the table of "
                                   "generation {} answers: {}.",
                                   join(facts.pending, "; "), facts.generation, policy::print_verdict(in_force)),
                       0, 0);
  }
  return exit_of(options.pending ? asked_for : in_force);
}

/// Something may have changed between the objects and the table that was asked about them.
bool has_moved_on(const NodeDoors& doors, const NodeWorld& world) {
  const Result<NodeFacts> now = read_node_facts(doors);
  return now && (now->known != world.facts.known || now->pending != world.facts.pending);
}

/// Both judges of one flow; absent if the node moved on meanwhile, so that their disagreement means nothing.
std::optional<int> explain_once(const ExplainOptions& options, const NodeWorld& world, Worlds& worlds,
                                const Context& context) {
  Result<Answer> answer = ask_one(options, worlds);
  if (!answer || !worlds.verify(*answer) || !answer->disagreement) return explain_one(options, worlds, context);
  if (has_moved_on(options.doors, world)) return std::nullopt;
  if (world.facts.pending.empty()) return explain_one(options, worlds, context);
  return explain_pending(options, *answer, world.facts, worlds, context);
}

int explain_on_node(const ExplainOptions& options, const Context& context) {
  constexpr int kMostTries = 3;
  for (int tries = 1;; ++tries) {
    const Result<NodeWorld> world = read_node_world(options.doors);
    if (!world) {
      print_failure(context, kExplainVerb, world.error().message + "; to ask about manifests name them with -f PATH");
      return world.error().kind == ErrorKind::Unavailable ? exit_code::kNotRunning : exit_code::kBadInput;
    }
    note_absent_daemon(*world, kExplainVerb, context);
    JudgeOptions judging = judge_options(world->facts);
    if (options.node) judging.node = options.node;
    Worlds worlds(world->snapshot(), judging, table_in_force(options.doors, *world));
    if (options.flows) return explain_file(options, worlds, context);
    if (const auto exit = explain_once(options, *world, worlds, context)) return *exit;
    if (tries == kMostTries) return explain_one(options, worlds, context);
  }
}

}  // namespace

int explain_command(const ExplainOptions& options, const Context& context) {
  if (const auto error = find_usage_error(options)) {
    print_failure(context, kExplainVerb, *error);
    return exit_code::kBadInput;
  }
  if (options.paths.empty()) return explain_on_node(options, context);
  const std::optional<LoadedWorld> world = read_world(options.paths, kExplainVerb, context);
  if (!world) return exit_code::kBadInput;
  Worlds worlds(world->inventory.snapshot(), {options.node, context.environment.host_name, options.tie_break});
  return options.flows ? explain_file(options, worlds, context) : explain_one(options, worlds, context);
}

}  // namespace tierwall::daemon::ctl

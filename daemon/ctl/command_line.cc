#include "daemon/ctl/command_line.h"

#include <algorithm>
#include <istream>
#include <ostream>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "daemon/build_info.h"
#include "daemon/ctl/command_options.h"
#include "daemon/ctl/suggestion.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

void print_failure(const Context& context, std::string_view verb, std::string_view message) {
  context.err << "tierwall " << verb << ": " << message << '\n';
}

namespace {

/// verbs().end() if there is none of that name.
auto find_verb(const std::string& name) {
  return std::ranges::find(verbs(), name, &VerbWords::name);
}

/// The parser and the options it fills. Neither copied nor moved: the parser points at the options.
class CommandLine {
 public:
  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  int run(std::vector<std::string> args, Context context);

 private:
  std::optional<std::string> find_misplaced(const CLI::App& verb) const;
  /// The words that follow -f PATH without an option.
  void add_more_paths(std::vector<std::string>& paths) const {
    if (!paths.empty()) paths.insert(paths.end(), options_.more_paths.begin(), options_.more_paths.end());
  }
  int dispatch(const std::string& name, const Context& context);
  int dispatch_on_manifests(const std::string& name, const Context& context);
  int run_test(const Context& context);
  int run_flows(const Context& context);
  int run_diff(const Context& context);

  CLI::App app_{"A host firewall for Kubernetes nodes. Without a verb: status.", "tierwall"};
  CommandOptions options_;
};

CommandLine::CommandLine() {
  app_.set_version_flag("--version", daemon::version_text("tierwall"));
  for (const VerbWords& words : verbs()) {
    CLI::App* added = app_.add_subcommand(words.name, words.summary);
    added->allow_extras();
    added->add_option("--color", options_.color, "Colour: auto, always, never")
        ->check(CLI::IsMember({"auto", "always", "never"}))
        ->type_name("WHEN");
    words.add_options(*added, options_);
  }
}

/// The first word the verb has no place for, as a message.
std::optional<std::string> CommandLine::find_misplaced(const CLI::App& verb) const {
  const std::vector<std::string> rest = verb.remaining();
  if (rest.empty()) return std::nullopt;
  if (!rest.front().starts_with("-")) return fmt::format("unexpected '{}'", rest.front());
  std::vector<std::string> known;
  for (const CLI::Option* option : verb.get_options()) {
    if (option->nonpositional())
      known.push_back(option->get_lnames().empty() ? "" : "--" + option->get_lnames().front());
  }
  const std::string name = rest.front().substr(0, rest.front().find('='));
  return fmt::format("unknown option '{}'{}", name, suggest(name, known));
}

/// The last word without an option is the file of tests; those before it belong to -f.
int CommandLine::run_test(const Context& context) {
  if (options_.more_paths.empty()) {
    print_failure(context, "test", "name the file of tests: tierwall test -f PATH... TESTS.yaml");
    return exit_code::kBadInput;
  }
  options_.test.tests = options_.more_paths.back();
  options_.test.paths.insert(options_.test.paths.end(), options_.more_paths.begin(), options_.more_paths.end() - 1);
  return test_command(options_.test, context);
}

int CommandLine::run_flows(const Context& context) {
  if (options_.flows.follow && options_.flows.output == Output::Json) options_.flows.output = Output::JsonLines;
  return flows_command(options_.flows, context);
}

int CommandLine::run_diff(const Context& context) {
  if (options_.diff.change.paths.empty()) options_.diff.generations = options_.more_paths;
  add_more_paths(options_.diff.change.paths);
  return diff_command(options_.diff, context);
}

int CommandLine::dispatch(const std::string& name, const Context& context) {
  if (name == "status") return status_command(options_.status, context);
  if (name == "top") return top_command(options_.top, context);
  if (name == "metrics") return metrics_command(options_.metrics, context);
  if (name == "bundle") return bundle_command(options_.bundle, context);
  if (name == "doctor") return doctor_command(options_.doctor, context);
  if (name == "drops") return drops_command(options_.drops, context);
  if (name == "trace") return trace_command(options_.trace, context);
  if (name == "flows") return run_flows(context);
  if (name == "get") return get_command(options_.get, context);
  if (name == "describe") return describe_command(options_.describe, context);
  if (name == "confirm") return confirm_command(options_.confirm, context);
  if (name == "release") return release_command(options_.release, context);
  if (name == "rollback") return rollback_command(options_.rollback, context);
  if (name == "history") return history_command(options_.history, context);
  if (name == "kubeconfig") return kubeconfig_command(options_.kubeconfig, context);
  if (name == "diff") return run_diff(context);
  if (name == "apply") {
    add_more_paths(options_.apply.change.paths);
    return apply_command(options_.apply, context);
  }
  if (name == "simulate") {
    add_more_paths(options_.simulate.change.paths);
    return simulate_command(options_.simulate, context);
  }
  return dispatch_on_manifests(name, context);
}

int CommandLine::dispatch_on_manifests(const std::string& name, const Context& context) {
  if (name == "test" && !options_.test.paths.empty()) return run_test(context);
  for (std::vector<std::string>* paths :
       {&options_.check.paths, &options_.explain.paths, &options_.matrix.paths, &options_.compile.paths})
    add_more_paths(*paths);
  if (name == "matrix") return matrix_command(options_.matrix, context);
  if (name == "explain") return explain_command(options_.explain, context);
  if (name == "check" && !options_.check.paths.empty()) return check_command(options_.check, context);
  if (name == "compile" && !options_.compile.paths.empty()) return compile_command(options_.compile, context);
  print_failure(context, name, "name the manifests with -f PATH");
  return exit_code::kBadInput;
}

int CommandLine::run(std::vector<std::string> args, Context context) {
  const std::string name = args.front();
  const auto words = find_verb(name);
  const int usage_exit = words == verbs().end() ? exit_code::kDaemonUsage : words->usage_exit;
  std::ranges::reverse(args);  // as CLI11 wants them
  try {
    app_.parse(std::move(args));
  } catch (const CLI::CallForHelp&) {
    context.out << app_.help();
    return exit_code::kOk;
  } catch (const CLI::CallForVersion& version) {
    context.out << version.what() << '\n';
    return exit_code::kOk;
  } catch (const CLI::Error& error) {
    print_failure(context, name, fmt::format("{}; see tierwall {} --help", error.what(), name));
    return usage_exit;
  }
  if (const auto misplaced = find_misplaced(*app_.get_subcommand(name))) {
    print_failure(context, name, fmt::format("{}; see tierwall {} --help", *misplaced, name));
    return usage_exit;
  }
  const bool on_terminal = context.environment.out_is_terminal && !context.environment.no_color;
  context.color = options_.color == "always" || (options_.color == "auto" && on_terminal);
  return dispatch(name, context);
}

/// A verb nobody knows exits as the one that was probably meant.
int report_unknown_verb(const std::string& word, const Context& context) {
  std::vector<std::string> names;
  for (const VerbWords& words : verbs()) names.emplace_back(words.name);
  context.err << fmt::format("tierwall: unknown verb '{}'{} (verbs: {})\n", word, suggest(word, names),
                             join(names, ", "));
  const auto meant = find_verb(find_nearest(word, names).value_or("status"));
  return meant->usage_exit;
}

bool is_for_program(const std::string& word) {
  return word == "-h" || word == "--help" || word == "--version";
}

}  // namespace

int run(std::vector<std::string> args, std::istream& in, std::ostream& out, std::ostream& err,
        const Environment& environment) {
  const Context context{in, out, err, environment};
  if (!args.empty() && args.front() == "help") args.front() = "--help";
  if (args.empty() || (args.front().starts_with("-") && !is_for_program(args.front())))
    args.insert(args.begin(), "status");
  // Flows are asked of the kernel: a verb of their own, which people look for among the lists, too.
  if (args.size() > 1 && args[0] == "get" && args[1] == "flows") args.erase(args.begin());
  const bool known = find_verb(args.front()) != verbs().end();
  if (!known && !is_for_program(args.front())) return report_unknown_verb(args.front(), context);
  return CommandLine().run(std::move(args), context);
}

}  // namespace tierwall::daemon::ctl

#include "daemon/ctl/command_line.h"

#include <algorithm>
#include <istream>
#include <ostream>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "daemon/build_info.h"
#include "daemon/control/control_client.h"
#include "daemon/ctl/bundle_command.h"
#include "daemon/ctl/change_command.h"
#include "daemon/ctl/check_command.h"
#include "daemon/ctl/compile_command.h"
#include "daemon/ctl/describe_command.h"
#include "daemon/ctl/description.h"
#include "daemon/ctl/diff_command.h"
#include "daemon/ctl/doctor_command.h"
#include "daemon/ctl/drops_command.h"
#include "daemon/ctl/explain_command.h"
#include "daemon/ctl/flows_command.h"
#include "daemon/ctl/get_command.h"
#include "daemon/ctl/history_command.h"
#include "daemon/ctl/kubeconfig_command.h"
#include "daemon/ctl/matrix_command.h"
#include "daemon/ctl/metrics_command.h"
#include "daemon/ctl/simulate_command.h"
#include "daemon/ctl/status_command.h"
#include "daemon/ctl/suggestion.h"
#include "daemon/ctl/terminal.h"
#include "daemon/ctl/test_command.h"
#include "daemon/ctl/top_command.h"
#include "daemon/ctl/trace_command.h"

namespace tierwall::daemon::ctl {

void print_failure(const Context& context, std::string_view verb, std::string_view message) {
  context.err << "tierwall " << verb << ": " << message << '\n';
}

namespace {

/// Verbs on manifests keep 1 for their answer, so their usage errors are 2; verbs that ask the daemon keep 2 and 3.
struct VerbWords {
  const char* name;
  const char* summary;
  int usage_exit;
};

constexpr VerbWords kVerbs[] = {
    {"check", "Validate manifests", exit_code::kBadInput},
    {"explain", "Tell whether a connection is allowed, and why", exit_code::kBadInput},
    {"matrix", "Draw who may reach whom", exit_code::kBadInput},
    {"compile", "Print the nftables table of a node", exit_code::kBadInput},
    {"test", "Run policy tests", exit_code::kBadInput},
    {"status", "Show the state of the daemon on this node", exit_code::kDaemonUsage},
    {"get", "List what is in force on this node", exit_code::kDaemonUsage},
    {"describe", "Tell one policy, tier, endpoint or set of this node in full", exit_code::kDaemonUsage},
    {"top", "Show which policy rules see traffic", exit_code::kDaemonUsage},
    {"drops", "Show what was denied of late, and by which policy", exit_code::kDaemonUsage},
    {"flows", "Show this node's connections with the policies that decide about them", exit_code::kDaemonUsage},
    {"trace", "Follow real packets of one flow through the kernel, rule by rule", exit_code::kBadInput},
    {"metrics", "Print what the daemon counts, for Prometheus", exit_code::kDaemonUsage},
    {"doctor", "Look the node over, and say what to do", exit_code::kDaemonUsage},
    {"bundle", "Write what an error report needs into an archive", exit_code::kBadInput},
    {"diff", "Tell what a change of manifests would come to, or what changed between two generations",
     exit_code::kBadInput},
    {"simulate", "Tell which live connections and listening sockets a change of manifests would cut or open",
     exit_code::kBadInput},
    {"apply", "Put manifests into the policy directory and into force", exit_code::kBadInput},
    {"confirm", "Keep a change that waits for its confirmation", exit_code::kBadInput},
    {"release", "Let a change through that the lock-out guard holds", exit_code::kBadInput},
    {"rollback", "Go back to an earlier state of the policy directory", exit_code::kBadInput},
    {"history", "Show what was in force, and who changed it", exit_code::kBadInput},
    {"kubeconfig", "Write the daemon's kubeconfig from a token or a certificate", exit_code::kBadInput},
};

using OutputNames = std::vector<std::pair<std::string, Output>>;
using TieBreakNames = std::vector<std::pair<std::string, policy::TieBreak>>;

/// The parser and the options it fills. Neither copied nor moved: the parser points at the options.
class CommandLine {
 public:
  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  int run(std::vector<std::string> args, Context context);

 private:
  CLI::App& verb(const char* name) { return *app_.get_subcommand(name); }
  void add_manifests(CLI::App& verb, std::vector<std::string>& paths, policy::TieBreak& tie_break);
  void add_check();
  void add_explain();
  void add_matrix();
  void add_compile();
  void add_test();
  void add_status();
  void add_get();
  void add_describe();
  void add_top();
  void add_drops();
  void add_flows();
  void add_trace();
  void add_metrics();
  void add_doctor();
  void add_bundle();
  void add_change(CLI::App& verb, WorldChange& change);
  void add_diff();
  void add_simulate();
  void add_apply();
  void add_confirm();
  void add_release();
  void add_rollback();
  void add_history();
  void add_kubeconfig();

  std::optional<std::string> find_misplaced(const CLI::App& verb) const;
  /// The words that follow -f PATH without an option.
  void add_more_paths(std::vector<std::string>& paths) const {
    paths.insert(paths.end(), more_paths_.begin(), more_paths_.end());
  }
  int dispatch(const std::string& name, const Context& context);
  int run_test(const Context& context);
  int run_flows(const Context& context);

  CLI::App app_{"A host firewall for Kubernetes nodes. Without a verb: status.", "tierwall"};
  std::string color_ = "auto";
  std::vector<std::string> more_paths_;
  CheckOptions check_;
  ExplainOptions explain_;
  MatrixOptions matrix_;
  CompileCommandOptions compile_;
  TestOptions test_;
  StatusOptions status_{kDefaultControlSocket};
  GetOptions get_{{}, kDefaultControlSocket};
  DescribeOptions describe_;
  TopOptions top_;
  DropsOptions drops_;
  FlowsOptions flows_;
  TraceOptions trace_;
  MetricsOptions metrics_;
  DoctorOptions doctor_;
  BundleOptions bundle_;
  DiffOptions diff_;
  SimulateOptions simulate_;
  ApplyOptions apply_;
  ConfirmOptions confirm_;
  ConfirmOptions release_;
  RollbackOptions rollback_;
  HistoryOptions history_;
  KubeconfigOptions kubeconfig_;
};

/// An option whose value must be one of the names.
template <typename Target, typename Value>
void add_choice(CLI::App& verb, const std::string& option, Target& target,
                const std::vector<std::pair<std::string, Value>>& names, const std::string& help) {
  std::vector<std::string> words;
  words.reserve(names.size());
  for (const auto& entry : names) words.push_back(entry.first);
  const std::string shown = option.substr(0, option.find(','));
  const auto choose = [&target, names, words, shown](const std::string& word) {
    for (const auto& entry : names) {
      if (entry.first == word) {
        target = entry.second;
        return;
      }
    }
    throw CLI::ValidationError(shown,
                               fmt::format("'{}' is none of {}{}", word, join(words, ", "), suggest(word, words)));
  };
  verb.add_option_function<std::string>(option, choose, help + ": " + join(words, ", "))->type_name("NAME");
}

template <typename Target>
void add_output(CLI::App& verb, Target& output, const OutputNames& names) {
  add_choice(verb, "-o,--output", output, names, "How to answer");
  verb.get_option("--output")->type_name("FORMAT");
}

void add_socket(CLI::App& verb, std::string& socket) {
  socket = kDefaultControlSocket;
  verb.add_option("--socket", socket, "The daemon's control socket")->type_name("PATH");
}

/// For verbs that ask about this node where no manifests are named.
void add_watch(CLI::App& verb, WatchOptions& watch) {
  verb.add_flag("-w,--watch", watch.wanted,
                "Again and again; where the output is no terminal, when it is other than before");
  verb.add_option("--interval", watch.interval, "Seconds between two looks (default 2)")->type_name("SECONDS");
}

void add_traffic_filter(CLI::App& app, TrafficFilter& filter) {
  app.add_option("--from-pod", filter.from_pod, "NAMESPACE/NAME, or NAMESPACE/ for every pod of one")->type_name("POD");
  app.add_option("--to-pod", filter.to_pod, "Likewise")->type_name("POD");
  app.add_option("--pod", filter.pod, "Likewise, at either end")->type_name("POD");
  app.add_option("--from-ip", filter.from_ip, "The source address")->type_name("ADDRESS");
  app.add_option("--to-ip", filter.to_ip, "The destination address")->type_name("ADDRESS");
  app.add_option("--to-port", filter.to_port, "The destination port")->type_name("N");
  app.add_option("--proto", filter.proto, "tcp, udp, sctp, icmp, icmpv6 or a number")->type_name("P");
}

void add_doors(CLI::App& verb, NodeDoors& doors) {
  add_socket(verb, doors.socket);
  verb.add_option("--config", doors.config, "The daemon's configuration, read where no daemon answers")
      ->type_name("PATH");
  verb.add_option("--state", doors.state, "The state file, likewise (default: the one of the configuration)")
      ->type_name("PATH");
}

CommandLine::CommandLine() {
  app_.set_version_flag("--version", daemon::version_text("tierwall"));
  for (const VerbWords& words : kVerbs) {
    CLI::App* added = app_.add_subcommand(words.name, words.summary);
    added->allow_extras();
    added->add_option("--color", color_, "Colour: auto, always, never")
        ->check(CLI::IsMember({"auto", "always", "never"}))
        ->type_name("WHEN");
  }
  add_check();
  add_explain();
  add_matrix();
  add_compile();
  add_test();
  add_status();
  add_get();
  add_describe();
  add_top();
  add_drops();
  add_flows();
  add_trace();
  add_metrics();
  add_doctor();
  add_bundle();
  add_diff();
  add_simulate();
  add_apply();
  add_confirm();
  add_release();
  add_rollback();
  add_history();
  add_kubeconfig();
}

/// -f takes one path and may be repeated; what follows it without an option belongs to it too ("-f *.yaml").
void CommandLine::add_manifests(CLI::App& verb, std::vector<std::string>& paths, policy::TieBreak& tie_break) {
  verb.add_option("-f,--file", paths, "Manifests: a file, a directory, or - for standard input; repeatable")
      ->allow_extra_args(false)
      ->type_name("PATH");
  verb.add_option("paths", more_paths_)->group("");
  add_choice(verb, "--tie-break", tie_break,
             TieBreakNames{{"calico-3.32", policy::TieBreak::Calico332}, {"calico-3.31", policy::TieBreak::Calico331}},
             "Which Calico's order policies of equal order have");
}

void CommandLine::add_check() {
  CLI::App& app = verb("check");
  add_manifests(app, check_.paths, check_.tie_break);
  add_output(app, check_.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void CommandLine::add_explain() {
  CLI::App& app = verb("explain");
  FlowWords& flow = explain_.flow;
  add_manifests(app, explain_.paths, explain_.tie_break);
  app.add_option("--from", flow.from, "pod:NAMESPACE/NAME, ip:ADDRESS, host or host:INTERFACE")->type_name("EP");
  app.add_option("--to", flow.to, "The other end, likewise")->type_name("EP");
  app.add_option("--proto", flow.proto, "tcp (default), udp, sctp, icmp, icmpv6 or a number")->type_name("P");
  app.add_option("--dport", flow.dport, "Destination port")->type_name("N");
  app.add_option("--sport", flow.sport, "Source port (default 40000)")->type_name("N");
  app.add_option("--icmp", flow.icmp, "ICMP type and code (default: echo request)")->type_name("T[/C]");
  app.add_option("--family", flow.family, "4 or 6, where the ends speak both (default 4)")->type_name("4|6");
  app.add_option("--line", explain_.line, "Instead of all these: a line of the kernel's log, or of tierwall drops")
      ->type_name("TEXT");
  app.add_option("--node", explain_.node, "Whose processes 'host' means (default: this machine)")->type_name("NAME");
  app.add_option("--flows", explain_.flows, "Many flows, one JSON object per line; - for standard input")
      ->type_name("FILE");
  app.add_flag("--verify", explain_.verify,
               "With --flows: ask the compiled tables about every flow too (and of the staged world)");
  app.add_flag("--pending", explain_.pending,
               "Without -f: answer for what the objects ask for, where that is not in force yet");
  add_doors(app, explain_.doors);
  add_output(app, explain_.output, {{"text", Output::Text}, {"json", Output::Json}, {"jsonl", Output::JsonLines}});
}

void CommandLine::add_matrix() {
  CLI::App& app = verb("matrix");
  add_manifests(app, matrix_.paths, matrix_.tie_break);
  app.add_option("-n,--namespace", matrix_.namespaces, "Whose pods (default: all); repeatable")
      ->allow_extra_args(false)
      ->type_name("NAMESPACE");
  app.add_option("--proto", matrix_.service.proto, "tcp (default), udp, sctp, icmp, icmpv6 or a number")
      ->type_name("P");
  app.add_option("--dport", matrix_.service.dport, "Destination port")->type_name("N");
  app.add_option("--icmp", matrix_.service.icmp, "ICMP type and code (default: echo request)")->type_name("T[/C]");
  app.add_option("--family", matrix_.service.family, "4 or 6 (default 4)")->type_name("4|6");
  app.add_option("--most", matrix_.most, "How many pods at most (default 60)")->type_name("N");
  add_doors(app, matrix_.doors);
  add_output(app, matrix_.output,
             {{"text", Output::Text}, {"json", Output::Json}, {"dot", Output::Dot}, {"svg", Output::Svg}});
}

void CommandLine::add_compile() {
  CLI::App& app = verb("compile");
  add_manifests(app, compile_.paths, compile_.tie_break);
  app.add_option("--node", compile_.node, "The node whose table is meant (default: this machine)")->type_name("NAME");
  app.add_option("--pod-cidr", compile_.pod_cidrs,
                 "A pod network of that node, whose unknown addresses are cut off; repeatable")
      ->allow_extra_args(false)
      ->type_name("CIDR");
  add_output(app, compile_.output, {{"nft", Output::Nft}, {"json", Output::Json}});
}

void CommandLine::add_test() {
  CLI::App& app = verb("test");
  add_manifests(app, test_.paths, test_.tie_break);
  app.get_option("paths")
      ->group("Positionals")
      ->description("The file of tests (see tierwall(1))")
      ->type_name("TESTS.yaml");
  app.add_option("--node", test_.node, "Whose processes 'host' means (default: this machine)")->type_name("NAME");
  add_output(app, test_.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void CommandLine::add_status() {
  CLI::App& app = verb("status");
  app.add_option("--socket", status_.socket, "The daemon's control socket")->type_name("PATH");
  add_watch(app, status_.watch);
  add_output(app, status_.output, {{"text", Output::Text}, {"json", Output::Json}, {"yaml", Output::Yaml}});
}

void CommandLine::add_get() {
  CLI::App& app = verb("get");
  app.add_option("what", get_.what, "What to list: " + join(get_subjects(), ", ") + ", flows (see tierwall flows)")
      ->type_name("");
  app.add_option("--socket", get_.socket, "The daemon's control socket")->type_name("PATH");
  app.add_flag("!--no-legend", get_.legend, "No header line");
  add_watch(app, get_.watch);
  add_output(app, get_.output,
             {{"text", Output::Text},
              {"wide", Output::Wide},
              {"json", Output::Json},
              {"yaml", Output::Yaml},
              {"name", Output::Name}});
}

void CommandLine::add_describe() {
  CLI::App& app = verb("describe");
  app.add_option("kind", describe_.kind, "What it is: " + join(described_kinds(), ", "))->type_name("");
  app.add_option("name", describe_.name,
                 "As 'tierwall get -o name' prints it, or shorter where that is clear; of an "
                 "endpoint also its address")
      ->type_name("");
  add_doors(app, describe_.doors);
  add_output(app, describe_.output, {{"text", Output::Text}, {"json", Output::Json}, {"yaml", Output::Yaml}});
}

void CommandLine::add_top() {
  CLI::App& app = verb("top");
  app.add_option("-n,--number", top_.rows, "How many rules (default 20)")->type_name("N");
  app.add_option("--interval", top_.interval, "Seconds between two screens (default 2)")->type_name("SECONDS");
  app.add_flag("--once", top_.once, "One answer instead of screen after screen");
  app.add_flag("!--no-legend", top_.legend, "No header line");
  add_socket(app, top_.socket);
  add_output(app, top_.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void CommandLine::add_drops() {
  CLI::App& app = verb("drops");
  DropFilter& filter = drops_.filter;
  app.add_flag("-w,--follow", drops_.follow, "Go on with what is denied from now on");
  app.add_option("-n,--last", drops_.last, "How many (default 20)")->type_name("N");
  app.add_option("--since", drops_.since, "Not older than this: 30s, 10min, 2h")->type_name("DURATION");
  add_traffic_filter(app, filter.traffic);
  app.add_option("--direction", filter.direction, "Of the policy: ingress or egress")
      ->check(CLI::IsMember({"ingress", "egress"}))
      ->type_name("DIRECTION");
  app.add_option("--policy", filter.policy, "NAME or NAMESPACE/NAME of the policy that denied")->type_name("NAME");
  app.add_flag("!--no-legend", drops_.legend, "No header line");
  app.add_option("--state", drops_.state, "The state file, read where no daemon answers")->type_name("PATH");
  add_socket(app, drops_.socket);
  add_output(app, drops_.output, {{"text", Output::Text}, {"json", Output::Json}, {"jsonl", Output::JsonLines}});
}

void CommandLine::add_flows() {
  CLI::App& app = verb("flows");
  app.add_flag("-w,--follow", flows_.follow, "Those that begin from now on, instead of those that are there");
  app.add_option("--for", flows_.duration, "With --follow: end after this time: 30s, 10min")->type_name("DURATION");
  app.add_option("-n,--last", flows_.last, "How many (default: all)")->type_name("N");
  add_traffic_filter(app, flows_.filter.traffic);
  app.add_option("--verdict", flows_.filter.verdict, "What policy says of them now: allow or deny")
      ->check(CLI::IsMember({"allow", "deny"}))
      ->type_name("VERDICT");
  app.add_option("--policy", flows_.filter.policy, "A part of the name of what decides")->type_name("NAME");
  app.add_flag("!--no-legend", flows_.legend, "No header line");
  add_doors(app, flows_.doors);
  add_output(app, flows_.output, {{"text", Output::Text}, {"json", Output::Json}, {"jsonl", Output::JsonLines}});
}

void CommandLine::add_trace() {
  CLI::App& app = verb("trace");
  app.add_option("--from", trace_.from, "Who sends: pod:NAMESPACE/NAME or ip:ADDRESS")->type_name("EP");
  app.add_option("--to", trace_.to, "To whom, as it is sent: of a Service its address")->type_name("EP");
  app.add_option("--proto", trace_.proto, "tcp, udp, sctp, icmp, icmpv6 or a number (default: any)")->type_name("P");
  app.add_option("--dport", trace_.dport, "Destination port; with tcp, udp or sctp")->type_name("N");
  app.add_option("--family", trace_.family, "4 or 6, where the ends speak both (default 4)")->type_name("4|6");
  app.add_option("--for", trace_.duration, "How long to wait (default 30s): 10s, 5min")->type_name("DURATION");
  app.add_option("-n,--packets", trace_.packets, "How many packets (default 1)")->type_name("N");
  add_doors(app, trace_.doors);
  add_output(app, trace_.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void CommandLine::add_metrics() {
  CLI::App& app = verb("metrics");
  add_socket(app, metrics_.socket);
  add_output(app, metrics_.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void CommandLine::add_doctor() {
  CLI::App& app = verb("doctor");
  app.add_flag("--all", doctor_.all, "What is fine, too");
  add_doors(app, doctor_.doors);
  add_output(app, doctor_.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void CommandLine::add_bundle() {
  CLI::App& app = verb("bundle");
  app.add_option("--write", bundle_.path, "Where to (default: tierwall-bundle-NODE-TIME.tar.gz in this directory)")
      ->type_name("PATH");
  add_doors(app, bundle_.doors);
  add_output(app, bundle_.output, {{"text", Output::Text}, {"json", Output::Json}});
}

/// What would be, or is to be, another content of the policy directory.
void CommandLine::add_change(CLI::App& verb, WorldChange& change) {
  verb.add_option("-f,--file", change.paths, "Manifests: a file, a directory, or - for standard input; repeatable")
      ->allow_extra_args(false)
      ->type_name("PATH");
  verb.add_option("paths", more_paths_)->group("");
  verb.add_option("--name", change.name, "The name in the policy directory, for one manifest (default: its own)")
      ->type_name("NAME.yaml");
  verb.add_option("--prune", change.prune, "A file of the policy directory to remove in the same change; repeatable")
      ->allow_extra_args(false)
      ->type_name("NAME");
}

void CommandLine::add_diff() {
  CLI::App& app = verb("diff");
  add_change(app, diff_.change);
  app.get_option("paths")->group("Positionals")->description("Without -f: two generations")->type_name("GENERATION");
  app.add_option("--base", diff_.base, "Compare with these manifests instead of with this node; repeatable")
      ->allow_extra_args(false)
      ->type_name("PATH");
  app.add_option("--node", diff_.node, "Whose endpoints (default: this node's, with --base the whole cluster's)")
      ->type_name("NAME");
  add_doors(app, diff_.doors);
  add_output(app, diff_.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void CommandLine::add_simulate() {
  CLI::App& app = verb("simulate");
  add_change(app, simulate_.change);
  add_doors(app, simulate_.doors);
  add_output(app, simulate_.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void CommandLine::add_apply() {
  CLI::App& app = verb("apply");
  add_change(app, apply_.change);
  app.add_option("--confirm", apply_.confirm, "Roll back after this time unless 'tierwall confirm' comes: 60s, 10min")
      ->type_name("DURATION");
  add_socket(app, apply_.socket);
  add_output(app, apply_.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void CommandLine::add_confirm() {
  CLI::App& app = verb("confirm");
  add_socket(app, confirm_.socket);
  add_output(app, confirm_.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void CommandLine::add_release() {
  CLI::App& app = verb("release");
  add_socket(app, release_.socket);
  add_output(app, release_.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void CommandLine::add_rollback() {
  CLI::App& app = verb("rollback");
  app.add_option("generation", rollback_.generation, "Default: undo the change that waits, or else the last one")
      ->type_name("GENERATION");
  app.add_option("--confirm", rollback_.confirm, "Undo that again after this time unless 'tierwall confirm' comes")
      ->type_name("DURATION");
  add_socket(app, rollback_.socket);
  add_output(app, rollback_.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void CommandLine::add_history() {
  CLI::App& app = verb("history");
  app.add_option("words", history_.words, "show GENERATION: everything about one; default: a list")->type_name("");
  app.add_option("-n,--number", history_.limit, "How many generations (default 20)")->type_name("N");
  app.add_option("--state", history_.door.state, "The state file, read where no daemon answers")->type_name("PATH");
  add_socket(app, history_.door.socket);
  add_output(app, history_.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void CommandLine::add_kubeconfig() {
  CLI::App& app = verb("kubeconfig");
  app.add_option("--server", kubeconfig_.server, "The API server: https://HOST:PORT")->type_name("URL");
  app.add_option("--ca", kubeconfig_.ca, "Who signed the server's certificate, as PEM")->type_name("FILE");
  app.add_option("--token", kubeconfig_.token, "A service account's token")->type_name("FILE");
  app.add_option("--certificate", kubeconfig_.certificate, "Instead of a token: a client certificate, as PEM")
      ->type_name("FILE");
  app.add_option("--key", kubeconfig_.key, "Its key, as PEM")->type_name("FILE");
  app.add_option("--write", kubeconfig_.path, "Where to (default /etc/tierwall/kubeconfig)")->type_name("PATH");
  app.add_option("--group", kubeconfig_.group, "Who may read it besides its owner (default tierwall)")
      ->type_name("GROUP");
  add_output(app, kubeconfig_.output, {{"text", Output::Text}, {"json", Output::Json}});
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
  if (more_paths_.empty()) {
    print_failure(context, "test", "name the file of tests: tierwall test -f PATH... TESTS.yaml");
    return exit_code::kBadInput;
  }
  test_.tests = more_paths_.back();
  test_.paths.insert(test_.paths.end(), more_paths_.begin(), more_paths_.end() - 1);
  return test_command(test_, context);
}

int CommandLine::run_flows(const Context& context) {
  if (flows_.follow && flows_.output == Output::Json) flows_.output = Output::JsonLines;
  return flows_command(flows_, context);
}

int CommandLine::dispatch(const std::string& name, const Context& context) {
  if (name == "status") return status_command(status_, context);
  if (name == "top") return top_command(top_, context);
  if (name == "metrics") return metrics_command(metrics_, context);
  if (name == "bundle") return bundle_command(bundle_, context);
  if (name == "doctor") return doctor_command(doctor_, context);
  if (name == "drops") return drops_command(drops_, context);
  if (name == "trace") return trace_command(trace_, context);
  if (name == "flows") return run_flows(context);
  if (name == "get") return get_command(get_, context);
  if (name == "describe") return describe_command(describe_, context);
  if (name == "confirm") return confirm_command(confirm_, context);
  if (name == "release") return release_command(release_, context);
  if (name == "rollback") return rollback_command(rollback_, context);
  if (name == "history") return history_command(history_, context);
  if (name == "kubeconfig") return kubeconfig_command(kubeconfig_, context);
  if (name == "apply") {
    if (!apply_.change.paths.empty()) add_more_paths(apply_.change.paths);
    return apply_command(apply_, context);
  }
  if (name == "simulate") {
    if (!simulate_.change.paths.empty()) add_more_paths(simulate_.change.paths);
    return simulate_command(simulate_, context);
  }
  if (name == "diff") {
    if (diff_.change.paths.empty()) {
      diff_.generations = more_paths_;
    } else {
      add_more_paths(diff_.change.paths);
    }
    return diff_command(diff_, context);
  }
  for (std::vector<std::string>* paths : {&check_.paths, &explain_.paths, &matrix_.paths, &compile_.paths}) {
    if (!paths->empty() && name != "test") add_more_paths(*paths);
  }
  if (name == "matrix") return matrix_command(matrix_, context);
  if (name == "explain") return explain_command(explain_, context);
  if (name == "test" && !test_.paths.empty()) return run_test(context);
  if (name == "check" && !check_.paths.empty()) return check_command(check_, context);
  if (name == "compile" && !compile_.paths.empty()) return compile_command(compile_, context);
  print_failure(context, name, "name the manifests with -f PATH");
  return exit_code::kBadInput;
}

int CommandLine::run(std::vector<std::string> args, Context context) {
  const std::string name = args.front();
  const auto words = std::ranges::find(kVerbs, name, &VerbWords::name);
  const int usage_exit = words == std::end(kVerbs) ? exit_code::kDaemonUsage : words->usage_exit;
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
  if (const auto misplaced = find_misplaced(verb(name.c_str()))) {
    print_failure(context, name, fmt::format("{}; see tierwall {} --help", *misplaced, name));
    return usage_exit;
  }
  const bool on_terminal = context.environment.out_is_terminal && !context.environment.no_color;
  context.color = color_ == "always" || (color_ == "auto" && on_terminal);
  return dispatch(name, context);
}

/// A verb nobody knows exits as the one that was probably meant.
int report_unknown_verb(const std::string& word, const Context& context) {
  std::vector<std::string> names;
  for (const VerbWords& words : kVerbs) names.emplace_back(words.name);
  context.err << fmt::format("tierwall: unknown verb '{}'{} (verbs: {})\n", word, suggest(word, names),
                             join(names, ", "));
  const auto meant = std::ranges::find(kVerbs, find_nearest(word, names).value_or("status"), &VerbWords::name);
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
  const bool known = std::ranges::any_of(kVerbs, [&](const VerbWords& words) { return args.front() == words.name; });
  if (!known && !is_for_program(args.front())) return report_unknown_verb(args.front(), context);
  return CommandLine().run(std::move(args), context);
}

}  // namespace tierwall::daemon::ctl

#include "daemon/ctl/command_options.h"

#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "daemon/control/control_client.h"
#include "daemon/ctl/description.h"
#include "daemon/ctl/suggestion.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

using OutputNames = std::vector<std::pair<std::string, Output>>;
using TieBreakNames = std::vector<std::pair<std::string, policy::TieBreak>>;

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

/// -f takes one path and may be repeated; what follows it without an option belongs to it too ("-f *.yaml").
void add_manifests(CLI::App& verb, CommandOptions& options, std::vector<std::string>& paths,
                   policy::TieBreak& tie_break) {
  verb.add_option("-f,--file", paths, "Manifests: a file, a directory, or - for standard input; repeatable")
      ->allow_extra_args(false)
      ->type_name("PATH");
  verb.add_option("paths", options.more_paths)->group("");
  add_choice(verb, "--tie-break", tie_break,
             TieBreakNames{{"calico-3.32", policy::TieBreak::Calico332}, {"calico-3.31", policy::TieBreak::Calico331}},
             "Which Calico's order policies of equal order have");
}

void add_check(CLI::App& app, CommandOptions& options) {
  add_manifests(app, options, options.check.paths, options.check.tie_break);
  add_output(app, options.check.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void add_explain(CLI::App& app, CommandOptions& options) {
  FlowWords& flow = options.explain.flow;
  add_manifests(app, options, options.explain.paths, options.explain.tie_break);
  app.add_option("--from", flow.from, "pod:NAMESPACE/NAME, ip:ADDRESS, host or host:INTERFACE")->type_name("EP");
  app.add_option("--to", flow.to, "The other end, likewise")->type_name("EP");
  app.add_option("--proto", flow.proto, "tcp (default), udp, sctp, icmp, icmpv6 or a number")->type_name("P");
  app.add_option("--dport", flow.dport, "Destination port")->type_name("N");
  app.add_option("--sport", flow.sport, "Source port (default 40000)")->type_name("N");
  app.add_option("--icmp", flow.icmp, "ICMP type and code (default: echo request)")->type_name("T[/C]");
  app.add_option("--family", flow.family, "4 or 6, where the ends speak both (default 4)")->type_name("4|6");
  app.add_option("--line", options.explain.line,
                 "Instead of all these: a line of the kernel's log, or of tierwall drops")
      ->type_name("TEXT");
  app.add_option("--node", options.explain.node, "Whose processes 'host' means (default: this machine)")
      ->type_name("NAME");
  app.add_option("--flows", options.explain.flows, "Many flows, one JSON object per line; - for standard input")
      ->type_name("FILE");
  app.add_flag("--verify", options.explain.verify,
               "With --flows: ask the compiled tables about every flow too (and of the staged world)");
  app.add_flag("--pending", options.explain.pending,
               "Without -f: answer for what the objects ask for, where that is not in force yet");
  add_doors(app, options.explain.doors);
  add_output(app, options.explain.output,
             {{"text", Output::Text}, {"json", Output::Json}, {"jsonl", Output::JsonLines}});
}

void add_matrix(CLI::App& app, CommandOptions& options) {
  add_manifests(app, options, options.matrix.paths, options.matrix.tie_break);
  app.add_option("-n,--namespace", options.matrix.namespaces, "Whose pods (default: all); repeatable")
      ->allow_extra_args(false)
      ->type_name("NAMESPACE");
  app.add_option("--proto", options.matrix.service.proto, "tcp (default), udp, sctp, icmp, icmpv6 or a number")
      ->type_name("P");
  app.add_option("--dport", options.matrix.service.dport, "Destination port")->type_name("N");
  app.add_option("--icmp", options.matrix.service.icmp, "ICMP type and code (default: echo request)")
      ->type_name("T[/C]");
  app.add_option("--family", options.matrix.service.family, "4 or 6 (default 4)")->type_name("4|6");
  app.add_option("--most", options.matrix.most, "How many pods at most (default 60)")->type_name("N");
  add_doors(app, options.matrix.doors);
  add_output(app, options.matrix.output,
             {{"text", Output::Text}, {"json", Output::Json}, {"dot", Output::Dot}, {"svg", Output::Svg}});
}

void add_compile(CLI::App& app, CommandOptions& options) {
  add_manifests(app, options, options.compile.paths, options.compile.tie_break);
  app.add_option("--node", options.compile.node, "The node whose table is meant (default: this machine)")
      ->type_name("NAME");
  app.add_option("--pod-cidr", options.compile.pod_cidrs,
                 "A pod network of that node, whose unknown addresses are cut off; repeatable")
      ->allow_extra_args(false)
      ->type_name("CIDR");
  add_output(app, options.compile.output, {{"nft", Output::Nft}, {"json", Output::Json}});
}

void add_test(CLI::App& app, CommandOptions& options) {
  add_manifests(app, options, options.test.paths, options.test.tie_break);
  app.get_option("paths")
      ->group("Positionals")
      ->description("The file of tests (see tierwall(1))")
      ->type_name("TESTS.yaml");
  app.add_option("--node", options.test.node, "Whose processes 'host' means (default: this machine)")
      ->type_name("NAME");
  add_output(app, options.test.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void add_status(CLI::App& app, CommandOptions& options) {
  app.add_option("--socket", options.status.socket, "The daemon's control socket")->type_name("PATH");
  add_watch(app, options.status.watch);
  add_output(app, options.status.output, {{"text", Output::Text}, {"json", Output::Json}, {"yaml", Output::Yaml}});
}

void add_get(CLI::App& app, CommandOptions& options) {
  app.add_option("what", options.get.what,
                 "What to list: " + join(get_subjects(), ", ") + ", flows (see tierwall flows)")
      ->type_name("");
  app.add_option("--socket", options.get.socket, "The daemon's control socket")->type_name("PATH");
  app.add_flag("!--no-legend", options.get.legend, "No header line");
  add_watch(app, options.get.watch);
  add_output(app, options.get.output,
             {{"text", Output::Text},
              {"wide", Output::Wide},
              {"json", Output::Json},
              {"yaml", Output::Yaml},
              {"name", Output::Name}});
}

void add_describe(CLI::App& app, CommandOptions& options) {
  app.add_option("kind", options.describe.kind, "What it is: " + join(described_kinds(), ", "))->type_name("");
  app.add_option("name", options.describe.name,
                 "As 'tierwall get -o name' prints it, or shorter where that is clear; of an "
                 "endpoint also its address")
      ->type_name("");
  add_doors(app, options.describe.doors);
  add_output(app, options.describe.output, {{"text", Output::Text}, {"json", Output::Json}, {"yaml", Output::Yaml}});
}

void add_top(CLI::App& app, CommandOptions& options) {
  app.add_option("-n,--number", options.top.rows, "How many rules (default 20)")->type_name("N");
  app.add_option("--interval", options.top.interval, "Seconds between two screens (default 2)")->type_name("SECONDS");
  app.add_flag("--once", options.top.once, "One answer instead of screen after screen");
  app.add_flag("!--no-legend", options.top.legend, "No header line");
  add_socket(app, options.top.socket);
  add_output(app, options.top.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void add_drops(CLI::App& app, CommandOptions& options) {
  DropFilter& filter = options.drops.filter;
  app.add_flag("-w,--follow", options.drops.follow, "Go on with what is denied from now on");
  app.add_option("-n,--last", options.drops.last, "How many (default 20)")->type_name("N");
  app.add_option("--since", options.drops.since, "Not older than this: 30s, 10min, 2h")->type_name("DURATION");
  add_traffic_filter(app, filter.traffic);
  app.add_option("--direction", filter.direction, "Of the policy: ingress or egress")
      ->check(CLI::IsMember({"ingress", "egress"}))
      ->type_name("DIRECTION");
  app.add_option("--policy", filter.policy, "NAME or NAMESPACE/NAME of the policy that denied")->type_name("NAME");
  app.add_flag("!--no-legend", options.drops.legend, "No header line");
  app.add_option("--state", options.drops.state, "The state file, read where no daemon answers")->type_name("PATH");
  add_socket(app, options.drops.socket);
  add_output(app, options.drops.output, {{"text", Output::Text}, {"json", Output::Json}, {"jsonl", Output::JsonLines}});
}

void add_flows(CLI::App& app, CommandOptions& options) {
  app.add_flag("-w,--follow", options.flows.follow, "Those that begin from now on, instead of those that are there");
  app.add_option("--for", options.flows.duration, "With --follow: end after this time: 30s, 10min")
      ->type_name("DURATION");
  app.add_option("-n,--last", options.flows.last, "How many (default: all)")->type_name("N");
  add_traffic_filter(app, options.flows.filter.traffic);
  app.add_option("--verdict", options.flows.filter.verdict, "What policy says of them now: allow or deny")
      ->check(CLI::IsMember({"allow", "deny"}))
      ->type_name("VERDICT");
  app.add_option("--policy", options.flows.filter.policy, "A part of the name of what decides")->type_name("NAME");
  app.add_flag("!--no-legend", options.flows.legend, "No header line");
  add_doors(app, options.flows.doors);
  add_output(app, options.flows.output, {{"text", Output::Text}, {"json", Output::Json}, {"jsonl", Output::JsonLines}});
}

void add_trace(CLI::App& app, CommandOptions& options) {
  app.add_option("--from", options.trace.from, "Who sends: pod:NAMESPACE/NAME or ip:ADDRESS")->type_name("EP");
  app.add_option("--to", options.trace.to, "To whom, as it is sent: of a Service its address")->type_name("EP");
  app.add_option("--proto", options.trace.proto, "tcp, udp, sctp, icmp, icmpv6 or a number (default: any)")
      ->type_name("P");
  app.add_option("--dport", options.trace.dport, "Destination port; with tcp, udp or sctp")->type_name("N");
  app.add_option("--family", options.trace.family, "4 or 6, where the ends speak both (default 4)")->type_name("4|6");
  app.add_option("--for", options.trace.duration, "How long to wait (default 30s): 10s, 5min")->type_name("DURATION");
  app.add_option("-n,--packets", options.trace.packets, "How many packets (default 1)")->type_name("N");
  add_doors(app, options.trace.doors);
  add_output(app, options.trace.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void add_metrics(CLI::App& app, CommandOptions& options) {
  add_socket(app, options.metrics.socket);
  add_output(app, options.metrics.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void add_doctor(CLI::App& app, CommandOptions& options) {
  app.add_flag("--all", options.doctor.all, "What is fine, too");
  add_doors(app, options.doctor.doors);
  add_output(app, options.doctor.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void add_bundle(CLI::App& app, CommandOptions& options) {
  app.add_option("--write", options.bundle.path,
                 "Where to (default: tierwall-bundle-NODE-TIME.tar.gz in this directory)")
      ->type_name("PATH");
  add_doors(app, options.bundle.doors);
  add_output(app, options.bundle.output, {{"text", Output::Text}, {"json", Output::Json}});
}

/// What would be, or is to be, another content of the policy directory.
void add_change(CLI::App& verb, CommandOptions& options, WorldChange& change) {
  verb.add_option("-f,--file", change.paths, "Manifests: a file, a directory, or - for standard input; repeatable")
      ->allow_extra_args(false)
      ->type_name("PATH");
  verb.add_option("paths", options.more_paths)->group("");
  verb.add_option("--name", change.name, "The name in the policy directory, for one manifest (default: its own)")
      ->type_name("NAME.yaml");
  verb.add_option("--prune", change.prune, "A file of the policy directory to remove in the same change; repeatable")
      ->allow_extra_args(false)
      ->type_name("NAME");
}

void add_diff(CLI::App& app, CommandOptions& options) {
  add_change(app, options, options.diff.change);
  app.get_option("paths")->group("Positionals")->description("Without -f: two generations")->type_name("GENERATION");
  app.add_option("--base", options.diff.base, "Compare with these manifests instead of with this node; repeatable")
      ->allow_extra_args(false)
      ->type_name("PATH");
  app.add_option("--node", options.diff.node, "Whose endpoints (default: this node's, with --base the whole cluster's)")
      ->type_name("NAME");
  add_doors(app, options.diff.doors);
  add_output(app, options.diff.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void add_simulate(CLI::App& app, CommandOptions& options) {
  add_change(app, options, options.simulate.change);
  add_doors(app, options.simulate.doors);
  add_output(app, options.simulate.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void add_apply(CLI::App& app, CommandOptions& options) {
  add_change(app, options, options.apply.change);
  app.add_option("--confirm", options.apply.confirm,
                 "Roll back after this time unless 'tierwall confirm' comes: 60s, 10min")
      ->type_name("DURATION");
  add_socket(app, options.apply.socket);
  add_output(app, options.apply.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void add_confirm(CLI::App& app, CommandOptions& options) {
  add_socket(app, options.confirm.socket);
  add_output(app, options.confirm.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void add_release(CLI::App& app, CommandOptions& options) {
  add_socket(app, options.release.socket);
  add_output(app, options.release.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void add_rollback(CLI::App& app, CommandOptions& options) {
  app.add_option("generation", options.rollback.generation, "Default: undo the change that waits, or else the last one")
      ->type_name("GENERATION");
  app.add_option("--confirm", options.rollback.confirm,
                 "Undo that again after this time unless 'tierwall confirm' comes")
      ->type_name("DURATION");
  add_socket(app, options.rollback.socket);
  add_output(app, options.rollback.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void add_history(CLI::App& app, CommandOptions& options) {
  app.add_option("words", options.history.words, "show GENERATION: everything about one; default: a list")
      ->type_name("");
  app.add_option("-n,--number", options.history.limit, "How many generations (default 20)")->type_name("N");
  app.add_option("--state", options.history.door.state, "The state file, read where no daemon answers")
      ->type_name("PATH");
  add_socket(app, options.history.door.socket);
  add_output(app, options.history.output, {{"text", Output::Text}, {"json", Output::Json}});
}

void add_kubeconfig(CLI::App& app, CommandOptions& options) {
  app.add_option("--server", options.kubeconfig.server, "The API server: https://HOST:PORT")->type_name("URL");
  app.add_option("--ca", options.kubeconfig.ca, "Who signed the server's certificate, as PEM")->type_name("FILE");
  app.add_option("--token", options.kubeconfig.token, "A service account's token")->type_name("FILE");
  app.add_option("--certificate", options.kubeconfig.certificate, "Instead of a token: a client certificate, as PEM")
      ->type_name("FILE");
  app.add_option("--key", options.kubeconfig.key, "Its key, as PEM")->type_name("FILE");
  app.add_option("--write", options.kubeconfig.path, "Where to (default /etc/tierwall/kubeconfig)")->type_name("PATH");
  app.add_option("--group", options.kubeconfig.group, "Who may read it besides its owner (default tierwall)")
      ->type_name("GROUP");
  add_output(app, options.kubeconfig.output, {{"text", Output::Text}, {"json", Output::Json}});
}

constexpr VerbWords kVerbs[] = {
    {"check", "Validate manifests", exit_code::kBadInput, add_check},
    {"explain", "Tell whether a connection is allowed, and why", exit_code::kBadInput, add_explain},
    {"matrix", "Draw who may reach whom", exit_code::kBadInput, add_matrix},
    {"compile", "Print the nftables table of a node", exit_code::kBadInput, add_compile},
    {"test", "Run policy tests", exit_code::kBadInput, add_test},
    {"status", "Show the state of the daemon on this node", exit_code::kDaemonUsage, add_status},
    {"get", "List what is in force on this node", exit_code::kDaemonUsage, add_get},
    {"describe", "Tell one policy, tier, endpoint or set of this node in full", exit_code::kDaemonUsage, add_describe},
    {"top", "Show which policy rules see traffic", exit_code::kDaemonUsage, add_top},
    {"drops", "Show what was denied of late, and by which policy", exit_code::kDaemonUsage, add_drops},
    {"flows", "Show this node's connections with the policies that decide about them", exit_code::kDaemonUsage,
     add_flows},
    {"trace", "Follow real packets of one flow through the kernel, rule by rule", exit_code::kBadInput, add_trace},
    {"metrics", "Print what the daemon counts, for Prometheus", exit_code::kDaemonUsage, add_metrics},
    {"doctor", "Look the node over, and say what to do", exit_code::kDaemonUsage, add_doctor},
    {"bundle", "Write what an error report needs into an archive", exit_code::kBadInput, add_bundle},
    {"diff", "Tell what a change of manifests would come to, or what changed between two generations",
     exit_code::kBadInput, add_diff},
    {"simulate", "Tell which live connections and listening sockets a change of manifests would cut or open",
     exit_code::kBadInput, add_simulate},
    {"apply", "Put manifests into the policy directory and into force", exit_code::kBadInput, add_apply},
    {"confirm", "Keep a change that waits for its confirmation", exit_code::kBadInput, add_confirm},
    {"release", "Let a change through that the lock-out guard holds", exit_code::kBadInput, add_release},
    {"rollback", "Go back to an earlier state of the policy directory", exit_code::kBadInput, add_rollback},
    {"history", "Show what was in force, and who changed it", exit_code::kBadInput, add_history},
    {"kubeconfig", "Write the daemon's kubeconfig from a token or a certificate", exit_code::kBadInput, add_kubeconfig},
};

}  // namespace

std::span<const VerbWords> verbs() {
  return kVerbs;
}

}  // namespace tierwall::daemon::ctl

#include "daemon/ctl/status_command.h"

#include <algorithm>
#include <ostream>
#include <vector>

#include <fmt/format.h>

#include "daemon/control/control_client.h"
#include "daemon/ctl/structured_text.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

constexpr std::size_t kShownDiagnostics = 20;

struct StateWords {
  std::string_view words;
  Color color;
};

StateWords describe(State state) {
  switch (state) {
    case State::Starting:
      return {"starting: not every source has been read yet", Color::Yellow};
    case State::InSync:
      return {"in sync", Color::Green};
    case State::Degraded:
      return {"degraded", Color::Red};
  }
  TIERWALL_CHECK(false);
  return {};
}

std::string describe(const SourceStatus& source, std::int64_t now_ms) {
  std::string text = fmt::format("{} {}: ", source.name, source.location);
  text += source.failure ? "cannot be read: " + *source.failure : source.in_sync ? "in sync" : "not read yet";
  text += ", " + count(source.objects, "object");
  if (source.files > 0) text += " in " + count(source.files, "file");
  if (source.last_read_ms != 0) text += ", read " + print_span(now_ms - source.last_read_ms) + " ago";
  return text;
}

/// Kinds that the server does not have, or was not asked for yet, are in the JSON output.
bool is_worth_a_line(const CollectionStatus& collection) {
  return collection.objects > 0 || (collection.state != "waiting" && collection.state != "not served");
}

std::string describe(const CollectionStatus& collection, std::int64_t now_ms) {
  std::string text = fmt::format("{}: {}, {}", collection.kind, collection.state, count(collection.objects, "object"));
  if (collection.last_contact_ms != 0) {
    text += ", heard of " + print_span(now_ms - collection.last_contact_ms) + " ago";
  }
  return text;
}

void add_applied(Columns& lines, const StatusReport& report) {
  if (!report.applied) {
    lines.add({"applied", "nothing yet: what the kernel holds stays in force"});
    return;
  }
  const AppliedStatus& applied = *report.applied;
  lines.add({"applied", fmt::format("generation {}, {} ago, {} in {}", applied.generation,
                                    print_span(report.now_ms - applied.time_ms), count(applied.changes, "change"),
                                    print_duration(applied.duration_us))});
  const std::string hosts =
      applied.host_endpoints == 0 ? std::string() : count(applied.host_endpoints, "host endpoint") + ", ";
  lines.add({"in force", fmt::format("{}, {}{} in {}", count(applied.endpoints, "endpoint"), hosts,
                                     count(applied.policies, "policy", "policies"), count(applied.tiers, "tier"))});
  lines.add(
      {"table", fmt::format("{} with {}, {} with {}", count(applied.chains, "chain"), count(applied.rules, "rule"),
                            count(applied.sets, "set"), count(applied.elements, "element"))});
  if (!report.ownership.empty()) lines.add({"owner", report.ownership});
}

/// A titled list, cut where it would leave the screen; the JSON output has all of it.
std::string print_list(std::string_view title, const std::vector<std::string>& lines) {
  if (lines.empty()) return {};
  std::string text = fmt::format("\n{}\n", title);
  for (std::size_t i = 0; i < std::min(lines.size(), kShownDiagnostics); ++i) text += "  " + lines[i] + "\n";
  if (lines.size() > kShownDiagnostics) {
    text += fmt::format("  and {} more (tierwall status -o json has all)\n", lines.size() - kShownDiagnostics);
  }
  return text;
}

std::vector<std::string> print_all(const std::vector<policy::Diagnostic>& diagnostics) {
  std::vector<std::string> lines;
  std::ranges::transform(diagnostics, std::back_inserter(lines), policy::print_diagnostic);
  return lines;
}

std::vector<std::string> print_all(const std::vector<DeniedStatus>& denied) {
  std::vector<std::string> lines;
  lines.reserve(denied.size());
  for (const DeniedStatus& entry : denied) {
    lines.push_back(fmt::format("{} by {}", count(entry.packets, "packet"), entry.by));
  }
  return lines;
}

}  // namespace

std::string print_status(const StatusReport& report, bool color) {
  const StateWords state = describe(report.state);
  std::string text = fmt::format("{} tierwall {} on {}: {}\n", paint("●", state.color, color), report.version,
                                 report.node, paint(state.words, state.color, color));
  Columns lines(2);
  for (const SourceStatus& source : report.sources) {
    lines.add({"source", describe(source, report.now_ms)});
    for (const CollectionStatus& collection : source.collections) {
      if (is_worth_a_line(collection)) lines.add({"", describe(collection, report.now_ms)});
    }
  }
  add_applied(lines, report);
  if (report.waiting) {
    lines.add({"held", fmt::format("waiting for confirmation, {} left: tierwall confirm",
                                   print_span(report.waiting->left_ms))});
  }
  text += lines.print();
  text += print_list("degraded", report.degraded);
  text += print_list("denied in the last minute (a sample: tierwall drops)", print_all(report.denied));
  text += print_list(count(report.problems.size(), "problem"), print_all(report.problems));
  text += print_list(count(report.warnings.size(), "warning"), print_all(report.warnings));
  text += print_list(count(report.remarks.size(), "remark"), report.remarks);
  return text;
}

int report_call_failure(const Error& error, const std::string& socket, std::string_view verb, const Context& context) {
  // A message of `call` begins with the socket's path.
  const std::string message = error.message.starts_with(socket) ? error.message : socket + ": " + error.message;
  switch (error.kind) {
    case ErrorKind::Unavailable:
      print_failure(context, verb,
                    fmt::format("tierwalld does not answer at {}; start it with 'systemctl start tierwalld', or name "
                                "its socket with --socket",
                                message));
      return exit_code::kNotRunning;
    case ErrorKind::Denied:
      print_failure(context, verb, message + "; be root or a member of group tierwall");
      return exit_code::kDaemonUsage;
    case ErrorKind::NotFound:
      print_failure(context, verb, message);
      return exit_code::kDaemonUsage;
    default:
      print_failure(context, verb, message);
      return exit_code::kDegraded;
  }
}

namespace {

int show_status(const StatusOptions& options, const Context& context) {
  const Result<Json> reply = call(options.socket, "GetStatus", Json::object());
  if (!reply) {
    const int exit = report_call_failure(reply.error(), options.socket, "status", context);
    if (is_structured(options.output) && exit == exit_code::kNotRunning) {
      context.out << print_structured({{"state", "not_running"}, {"socket", options.socket}}, options.output);
    }
    return exit;
  }
  const auto status = reply->find("status");
  const Result<StatusReport> report =
      status == reply->end() ? malformed("the answer has no status") : status_from_json(*status);
  if (!report) return report_call_failure(report.error(), options.socket, "status", context);
  if (is_structured(options.output)) {
    context.out << print_structured(to_json(*report), options.output);
  } else {
    context.out << print_status(*report, context.color);
  }
  return report->state == State::InSync ? exit_code::kOk : exit_code::kDegraded;
}

}  // namespace

int status_command(const StatusOptions& options, const Context& context) {
  return watch(options.watch, context, [&](const Context& round) { return show_status(options, round); });
}

}  // namespace tierwall::daemon::ctl

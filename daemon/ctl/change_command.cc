#include "daemon/ctl/change_command.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <future>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "daemon/control/control_client.h"
#include "daemon/control/utc_time.h"
#include "daemon/ctl/history_door.h"
#include "daemon/ctl/manifest_documents.h"
#include "daemon/ctl/status_command.h"
#include "daemon/ctl/structured_text.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kLongestCall{120};
constexpr std::chrono::seconds kSilence{2};  ///< before a word about progress
constexpr milliseconds kShortestWait = std::chrono::seconds(1);
constexpr milliseconds kLongestWait = std::chrono::hours(24);

struct Unit {
  std::string_view name;
  milliseconds length;
};
constexpr Unit kUnits[] = {{"ms", milliseconds(1)},
                           {"s", std::chrono::seconds(1)},
                           {"m", std::chrono::minutes(1)},
                           {"min", std::chrono::minutes(1)},
                           {"h", std::chrono::hours(1)}};

/// A call that may take long: whoever waits sees that something is going on.
Result<Json> call_and_tell(const std::string& socket, const std::string& method, const Json& parameters,
                           std::string_view verb, const Context& context) {
  std::future<Result<Json>> answer =
      std::async(std::launch::async, [&] { return call(socket, method, parameters, kLongestCall); });
  if (answer.wait_for(kSilence) == std::future_status::timeout) {
    context.err << fmt::format("tierwall {}: waiting for tierwalld to bring it into force\n", verb) << std::flush;
  }
  return answer.get();
}

struct Wish {
  const char* method;
  Json parameters = Json::object();
  std::string_view verb;
  std::string_view done;
  std::optional<milliseconds> wait = {};
};

int carry_out(const Wish& wish, const std::string& socket, Output output, const Context& context) {
  const Result<Json> reply = call_and_tell(socket, wish.method, wish.parameters, wish.verb, context);
  if (!reply) return report_refusal(reply.error(), socket, wish.verb, context);
  const auto found = reply->find("report");
  const Result<ChangeReport> report =
      found == reply->end() ? malformed("the answer has no report") : change_report_from_json(*found);
  if (!report) return report_refusal(report.error(), socket, wish.verb, context);
  if (output == Output::Json) {
    context.out << print_structured(to_json(*report), Output::Json);
  } else {
    context.out << print_change(*report, wish.done, wish.wait);
  }
  return exit_code::kOk;
}

/// False, with the reason told, if the text is no duration; nothing happens to an empty one.
bool add_wait(const std::string& text, Wish& wish, const Context& context) {
  if (text.empty()) return true;
  const auto wait = parse_duration(text);
  if (!wait) {
    print_failure(context, wish.verb, "--confirm: " + wait.error().message);
    return false;
  }
  wish.wait = *wait;
  wish.parameters["confirm_ms"] = wait->count();
  return true;
}

}  // namespace

Result<milliseconds> parse_duration(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const auto known = std::ranges::find(kUnits, unit, &Unit::name);
  if (failure != std::errc() || known == std::end(kUnits))
    return malformed(fmt::format("'{}' is no duration: write 60s, 10min or 2h", text));
  if (number < 0 || number > kLongestWait / known->length || number * known->length < kShortestWait)
    return malformed(fmt::format("'{}': from 1s to 24h are allowed", text));
  return milliseconds(number * known->length);
}

std::string print_change(const ChangeReport& report, std::string_view done, std::optional<milliseconds> wait) {
  if (report.files.empty() && report.changes.empty()) {
    return fmt::format("{}: generation {} is in force\n", done == "released" ? done : "nothing to do",
                       report.generation);
  }
  std::string text =
      fmt::format("{}: {}; generation {} is in force\n", done, join(report.files, ", "), report.generation);
  for (const ObjectDelta& delta : report.changes) text += fmt::format("  {} {}\n", delta.change, delta.object);
  if (!report.deadline_ms || !wait) return text;
  return text + fmt::format("rolled back in {} (at {}) unless you run: tierwall confirm\n", print_span(wait->count()),
                            print_utc(milliseconds(*report.deadline_ms)));
}

int report_refusal(const Error& error, const std::string& socket, std::string_view verb, const Context& context) {
  // What the daemon itself says has no errno; what the connection says has, or names the socket's state.
  const bool no_daemon =
      error.kind == ErrorKind::Unavailable && error.errno_value != 0 && error.errno_value != ETIMEDOUT;
  if (no_daemon) return report_call_failure(error, socket, verb, context);
  const std::string prefix = socket + ": ";
  print_failure(context, verb, error.message.starts_with(prefix) ? error.message.substr(prefix.size()) : error.message);
  return exit_code::kRefused;
}

int apply_command(const ApplyOptions& options, const Context& context) {
  Wish wish{.method = "Apply", .verb = "apply", .done = "applied"};
  if (options.change.paths.empty() && options.change.prune.empty()) {
    print_failure(context, "apply", "name the manifests with -f PATH");
    return exit_code::kBadInput;
  }
  if (!add_wait(options.confirm, wish, context)) return exit_code::kBadInput;
  const Result<ManifestDocuments> documents = read_documents(options.change.paths, options.change.name);
  if (!documents) {
    print_failure(context, "apply", documents.error().message);
    return exit_code::kBadInput;
  }
  if (!tell_problems(decode_documents(*documents).problems, context)) {
    print_failure(context, "apply", "the manifests have errors; nothing was changed");
    return exit_code::kRefused;
  }
  wish.parameters["files"] = Json::array();
  for (const ManifestDocument& document : *documents)
    wish.parameters["files"].push_back({{"name", document.name}, {"content", document.text}});
  wish.parameters["remove"] = options.change.prune;
  return carry_out(wish, options.socket, options.output, context);
}

int confirm_command(const ConfirmOptions& options, const Context& context) {
  return carry_out({.method = "Confirm", .verb = "confirm", .done = "confirmed"}, options.socket, options.output,
                   context);
}

int release_command(const ConfirmOptions& options, const Context& context) {
  return carry_out({.method = "Release", .verb = "release", .done = "released"}, options.socket, options.output,
                   context);
}

int rollback_command(const RollbackOptions& options, const Context& context) {
  Wish wish{.method = "Rollback", .verb = "rollback", .done = "rolled back"};
  if (!options.generation.empty()) {
    const Result<std::uint64_t> number = parse_generation(options.generation);
    if (!number) {
      print_failure(context, "rollback", number.error().message);
      return exit_code::kBadInput;
    }
    wish.parameters["generation"] = *number;
  }
  if (!add_wait(options.confirm, wish, context)) return exit_code::kBadInput;
  return carry_out(wish, options.socket, options.output, context);
}

}  // namespace tierwall::daemon::ctl

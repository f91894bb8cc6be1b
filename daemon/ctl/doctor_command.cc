#include "daemon/ctl/doctor_command.h"

#include <algorithm>
#include <ostream>

#include <fmt/format.h>

#include "daemon/control/object_reader.h"
#include "daemon/ctl/structured_text.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

using Level = Finding::Level;

/// As long as making everything from scratch may take on a large node.
constexpr std::chrono::seconds kSelfCheckTimeout{30};

std::optional<StatusReport> ask_status(const std::string& socket) {
  const Result<Json> reply = call(socket, "GetStatus", Json::object());
  if (!reply || !reply->contains("status")) return std::nullopt;
  const Result<StatusReport> status = status_from_json(reply->at("status"));
  return status ? std::optional(*status) : std::nullopt;
}

/// Only root may ask for it, because the daemon does nothing else meanwhile.
std::optional<SelfCheck> ask_self_check(const std::string& socket) {
  const Result<Json> reply = call(socket, "CheckItself", Json::object(), kSelfCheckTimeout);
  if (!reply || !reply->contains("check")) return std::nullopt;
  ObjectReader reader(reply->at("check"), "check");
  SelfCheck check;
  reader.read("differs", check.differs);
  reader.read("duration_us", check.duration_us);
  const Result<SelfCheck> read = reader.finish(check);
  return read ? std::optional(*read) : std::nullopt;
}

std::string state_file(const NodeDoors& doors) {
  if (!doors.state.empty()) return doors.state;
  const ConfigReading config = load_config(doors.config, true);
  return config.ok() ? config.config.state_file : Config().state_file;
}

Json to_json(const Finding& finding) {
  return {{"level", print_level(finding.level)},
          {"what", finding.what},
          {"words", finding.words},
          {"remedy", finding.remedy}};
}

std::string print_head(const Finding& finding, bool color) {
  std::string word(print_level(finding.level));
  switch (finding.level) {
    case Level::Fine:
      return paint(word, Color::Green, color);
    case Level::Note:
      return word;
    case Level::Warning:
      return paint(word, Color::Yellow, color);
    case Level::Error:
      return paint(word, Color::Red, color);
  }
  TIERWALL_CHECK(false);
  return {};
}

}  // namespace

std::string print_findings(const std::vector<Finding>& findings, bool all, bool color) {
  std::vector<const Finding*> shown;
  for (const Finding& finding : findings) {
    if (all || finding.level >= Level::Note) shown.push_back(&finding);
  }
  std::ranges::stable_sort(shown, [](const Finding* left, const Finding* right) { return left->level > right->level; });
  std::string text;
  for (const Finding* finding : shown) {
    text += print_head(*finding, color) + ": " + finding->what + ": " + finding->words + "\n";
    if (!finding->remedy.empty()) text += wrap("remedy: " + finding->remedy, 2, 4);
  }
  const auto fine = static_cast<std::size_t>(
      std::ranges::count(findings, Level::Fine, [](const Finding& finding) { return finding.level; }));
  return text + fmt::format("{} fine{}\n", count(fine, "thing") + (fine == 1 ? " is" : " are"),
                            all ? "" : " (--all shows what was looked at)");
}

int doctor_command(const DoctorOptions& options, const Context& context) {
  const std::optional<StatusReport> status = ask_status(options.doors.socket);
  const std::optional<SelfCheck> self_check = status ? ask_self_check(options.doors.socket) : std::nullopt;
  std::vector<Finding> findings = examine(read_host_facts(options.root, state_file(options.doors)), status, self_check);
  if (status && !self_check) findings.push_back({Level::Note, "self check", "not made: only root may ask for it", ""});
  if (options.output == Output::Json) {
    Json all = Json::array();
    for (const Finding& finding : findings) all.push_back(to_json(finding));
    context.out << print_structured(Json{{"findings", std::move(all)}}, Output::Json);
  } else {
    context.out << print_findings(findings, options.all, context.color);
  }
  if (!status) return exit_code::kNotRunning;
  const bool well = std::ranges::all_of(findings, [](const Finding& one) { return one.level < Level::Warning; });
  return well ? exit_code::kOk : exit_code::kDegraded;
}

}  // namespace tierwall::daemon::ctl

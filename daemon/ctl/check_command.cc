#include "daemon/ctl/check_command.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "daemon/ctl/structured_text.h"
#include "daemon/ctl/terminal.h"
#include "daemon/sources/load_world.h"
#include "policy/review.h"

namespace tierwall::daemon::ctl {

namespace {

using Json = nlohmann::ordered_json;
using policy::Diagnostic;
using policy::Severity;

struct Findings {
  std::vector<Diagnostic> diagnostics;  ///< sorted by place
  std::size_t errors = 0;
  std::size_t warnings = 0;
  std::size_t objects = 0;
  std::size_t files = 0;
};

Findings inspect(const LoadedWorld& world, policy::TieBreak tie_break) {
  Findings findings;
  findings.diagnostics = world.problems;
  const auto locate = [&](const policy::ResourceKey& key) { return world.inventory.location(key); };
  for (Diagnostic& warning : policy::review(world.inventory.snapshot(), locate, tie_break)) {
    findings.diagnostics.push_back(std::move(warning));
  }
  std::ranges::sort(findings.diagnostics);
  std::vector<Diagnostic>& all = findings.diagnostics;
  all.erase(std::unique(all.begin(), all.end()), all.end());
  for (const Diagnostic& diagnostic : findings.diagnostics) {
    (diagnostic.severity == Severity::Error ? findings.errors : findings.warnings) += 1;
  }
  findings.objects = world.objects;
  findings.files = world.files;
  return findings;
}

Json to_json(const Findings& findings) {
  Json json;
  json["errors"] = findings.errors;
  json["warnings"] = findings.warnings;
  json["objects"] = findings.objects;
  json["files"] = findings.files;
  json["diagnostics"] = Json::array();
  for (const Diagnostic& diagnostic : findings.diagnostics) {
    Json entry;
    entry["file"] = diagnostic.where.file;
    entry["line"] = diagnostic.where.line;
    entry["column"] = diagnostic.where.column;
    entry["severity"] = diagnostic.severity == Severity::Error ? "error" : "warning";
    entry["object"] = diagnostic.object;
    entry["field"] = diagnostic.field;
    entry["message"] = diagnostic.message;
    json["diagnostics"].push_back(std::move(entry));
  }
  return json;
}

/// The whole line in the colour of its severity; the words stay as the contract has them.
std::string print_line(const Diagnostic& diagnostic, bool color) {
  return paint(policy::print_diagnostic(diagnostic),
               diagnostic.severity == Severity::Error ? Color::Red : Color::Yellow, color);
}

}  // namespace

int check_command(const CheckOptions& options, const Context& context) {
  const Result<LoadedWorld> world = load_world(options.paths);
  if (!world) {
    print_failure(context, "check", world.error().message);
    return exit_code::kBadInput;
  }
  const Findings findings = inspect(*world, options.tie_break);
  if (options.output == Output::Json) {
    context.out << print_structured(to_json(findings), Output::Json);
  } else {
    for (const Diagnostic& diagnostic : findings.diagnostics)
      context.out << print_line(diagnostic, context.color) << '\n';
    context.err << fmt::format("{}, {} in {} of {}\n", count(findings.errors, "error"),
                               count(findings.warnings, "warning"), count(findings.objects, "object"),
                               count(findings.files, "file"));
  }
  return findings.errors == 0 ? exit_code::kOk : exit_code::kErrorsFound;
}

}  // namespace tierwall::daemon::ctl

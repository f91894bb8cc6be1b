#include "policy/diagnostic.h"

#include <algorithm>

namespace tierwall::policy {

std::string print_diagnostic(const Diagnostic& diagnostic) {
  std::string text = diagnostic.where.file;
  if (!text.empty() && diagnostic.where.line > 0) text += ":" + std::to_string(diagnostic.where.line);
  if (!text.empty()) text += ": ";
  text += diagnostic.severity == Severity::Error ? "error: " : "warning: ";
  if (!diagnostic.object.empty()) text += diagnostic.object + ": ";
  if (!diagnostic.field.empty()) text += diagnostic.field + ": ";
  return text + diagnostic.message;
}

bool has_errors(const std::vector<Diagnostic>& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& diagnostic) { return diagnostic.severity == Severity::Error; });
}

}  // namespace tierwall::policy

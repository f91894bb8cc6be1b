#pragma once
// What is wrong with an object, in the words and at the place its author can act on.

#include <compare>
#include <string>
#include <vector>

namespace tierwall::policy {

/// Where an object or a field stands. Lines and columns count from 1; 0 means unknown.
struct Location {
  std::string file = {};
  int line = 0;
  int column = 0;

  friend auto operator<=>(const Location&, const Location&) = default;
};

enum class Severity { Error, Warning };

struct Diagnostic {
  Location where = {};
  Severity severity = Severity::Error;
  std::string object = {};  ///< "NetworkPolicy dev-app/web" with the kind as written; empty if no object is known
  std::string field = {};   ///< "spec.ingress[0].ports[1].port"; empty if the whole object is meant
  std::string message = {};

  friend auto operator<=>(const Diagnostic&, const Diagnostic&) = default;
};

/// "FILE:LINE: error: KIND NS/NAME: FIELD: MESSAGE"; parts that are unknown are left out.
std::string print_diagnostic(const Diagnostic& diagnostic);
bool has_errors(const std::vector<Diagnostic>& diagnostics);

}  // namespace tierwall::policy

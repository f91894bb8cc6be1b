#pragma once
// Who reaches whom, as a table for people: rows are sources, columns destinations with a port.

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/lab/probe.h"

namespace tierwall::lab {

struct Target {
  std::string host;   ///< a name of the Lab
  std::string title;  ///< what the column is called
  policy::Protocol protocol = policy::kTcp;
  std::uint16_t port = 0;

  friend bool operator==(const Target&, const Target&) = default;
};

struct Source {
  std::string host;
  std::string title;

  friend bool operator==(const Source&, const Source&) = default;
};

struct MatrixShape {
  std::vector<Source> sources;
  std::vector<Target> targets;

  friend bool operator==(const MatrixShape&, const MatrixShape&) = default;
};

/// One cell per source and target, row by row; absent where both are the same host, which nobody judges.
using Cells = std::vector<std::optional<Outcome>>;

struct BothFamilies {
  Cells v4;
  Cells v6;

  friend bool operator==(const BothFamilies&, const BothFamilies&) = default;
};

/// Probes all cells of both families at once; `expected` decides which silent ones get a second chance.
BothFamilies probe_matrix(const Lab& lab, const MatrixShape& shape, const BothFamilies& expected);

struct MatrixStyle {
  bool color = false;
};

/// An aligned table. Cells that differ from `before` carry a "*"; without `before` none does.
std::string print_matrix(const MatrixShape& shape, const Cells& cells, const Cells* before, MatrixStyle style = {});

/// "frontend-1 -> backend-1 tcp 8080: allow, expected drop", one line per difference.
std::vector<std::string> describe_differences(const MatrixShape& shape, const Cells& cells, const Cells& expected);

}  // namespace tierwall::lab

#pragma once
// A walk through the tiers as indented lines.

#include <cstddef>
#include <string>
#include <string_view>

#include "daemon/ctl/terminal.h"
#include "daemon/ctl/walk.h"

namespace tierwall::daemon::ctl {

/// How the line that decides is painted.
struct Shade {
  Color color = Color::Bold;
  bool enabled = false;
};

/// The line that decides begins with "=>". `indent`: blanks in front of the lines besides.
std::string print_walk(const Walk& walk, const policy::NodePolicy& resolved, const policy::Flow& flow, Shade shade,
                       std::size_t indent = 0);

/// A line that ends the matter, with its mark in the margin. Pre: indent > 1.
std::string print_decisive(std::string_view line, std::size_t indent, Shade shade);

}  // namespace tierwall::daemon::ctl

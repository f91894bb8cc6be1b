#pragma once
// A flow as it stands in a line somebody copied: of the kernel's log, or of `tierwall drops`.

#include <string_view>

#include "daemon/ctl/flow_text.h"
#include "policy/result.h"

namespace tierwall::daemon::ctl {

/// Understands "... SRC=10.0.0.1 DST=10.0.0.2 ... PROTO=TCP SPT=40000 DPT=80 ..." (what a Log rule or any other
/// firewall writes into the kernel's log) and "TIME  FROM  TO  SERVICE  ..." with at least two blanks between the
/// columns. Malformed if it is neither.
Result<FlowWords> words_from_line(std::string_view line);

}  // namespace tierwall::daemon::ctl

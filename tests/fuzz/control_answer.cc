// What the command reads from the control socket: it may be connected to another program, or another version.

#include "daemon/control/change_report.h"
#include "daemon/control/control_client.h"
#include "daemon/control/history.h"
#include "daemon/control/hit_list.h"
#include "daemon/control/node_facts.h"
#include "daemon/control/object_list.h"
#include "daemon/control/packet_verdict.h"
#include "tests/fuzz/target.h"

namespace tierwall::fuzz {

void control_answer(Bytes input) {
  const Result<daemon::Json> answer = daemon::read_answer(text_of(input));
  if (!answer) return;
  require(answer->is_object(), "an answer is an object");
  for (const auto& item : answer->items()) {
    const daemon::Json& value = item.value();
    static_cast<void>(daemon::status_from_json(value));
    static_cast<void>(daemon::tiers_from_json(value));
    static_cast<void>(daemon::policies_from_json(value));
    static_cast<void>(daemon::endpoints_from_json(value));
    static_cast<void>(daemon::host_endpoints_from_json(value));
    static_cast<void>(daemon::failsafes_from_json(value));
    static_cast<void>(daemon::sets_from_json(value));
    static_cast<void>(daemon::history_from_json(value));
    static_cast<void>(daemon::hits_from_json(value));
    static_cast<void>(daemon::node_facts_from_json(value));
    static_cast<void>(daemon::object_page_from_json(value));
    static_cast<void>(daemon::packet_verdict_from_json(value));
    static_cast<void>(daemon::change_report_from_json(value));
  }
}

}  // namespace tierwall::fuzz

#include "daemon/ctl/metrics_command.h"

#include <ostream>

#include "daemon/control/control_client.h"
#include "daemon/ctl/status_command.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

int metrics_command(const MetricsOptions& options, const Context& context) {
  const Result<Json> reply = call(options.socket, "GetMetrics", Json::object());
  if (!reply) return report_call_failure(reply.error(), options.socket, "metrics", context);
  const auto text = reply->find("metrics");
  if (text == reply->end() || !text->is_string()) {
    return report_call_failure(malformed("the answer has no metrics"), options.socket, "metrics", context);
  }
  if (options.output == Output::Json) {
    context.out << reply->dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  } else {
    context.out << text->get<std::string>();
  }
  return exit_code::kOk;
}

}  // namespace tierwall::daemon::ctl

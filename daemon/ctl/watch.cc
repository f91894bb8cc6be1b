#include "daemon/ctl/watch.h"

#include <chrono>
#include <ostream>
#include <sstream>
#include <string>
#include <thread>

namespace tierwall::daemon::ctl {

namespace {

constexpr double kShortest = 0.1;

/// Home, the screen over what was there, and the rest of the old one away.
constexpr const char* kNewScreen = "\x1b[H\x1b[J";

}  // namespace

int watch(const WatchOptions& options, const Context& context, const std::function<int(const Context&)>& verb) {
  if (!options.wanted) return verb(context);
  if (options.interval < kShortest) {
    print_failure(context, "watch", "--interval is at least 0.1 seconds");
    return exit_code::kDaemonUsage;
  }
  std::string before;
  for (int exit = exit_code::kOk;; std::this_thread::sleep_for(std::chrono::duration<double>(options.interval))) {
    std::ostringstream out;
    exit = verb({context.in, out, context.err, context.environment, context.color});
    const std::string screen = std::move(out).str();
    if (context.environment.out_is_terminal) {
      context.out << kNewScreen << screen << std::flush;
    } else if (screen != before) {
      context.out << screen << std::flush;
    }
    before = screen;
    if (!context.out) return exit;
  }
}

}  // namespace tierwall::daemon::ctl

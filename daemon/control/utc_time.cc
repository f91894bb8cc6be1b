#include "daemon/control/utc_time.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace tierwall::daemon {

std::string print_utc(std::chrono::milliseconds unix_time) {
  const std::chrono::system_clock::time_point time{std::chrono::floor<std::chrono::seconds>(unix_time)};
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

}  // namespace tierwall::daemon

#include "systemd/notify.h"

#include <algorithm>
#include <chrono>

#include <systemd/sd-daemon.h>

namespace tierwall::systemd {

namespace {

/// The protocol separates its assignments by line ends, so a status is one line.
std::string assign_status(std::string status) {
  std::replace(status.begin(), status.end(), '\n', ' ');
  return "STATUS=" + status;
}

void send(const std::string& assignments) {
  sd_notify(0, assignments.c_str());
}

}  // namespace

void notify_ready(const std::string& status) {
  send("READY=1\n" + assign_status(status));
}

void notify_status(const std::string& status) {
  send(assign_status(status));
}

void notify_reloading() {
  // Type=notify-reload needs the time stamp to tell this reload's READY=1 from an earlier one's. steady_clock is
  // CLOCK_MONOTONIC here.
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const auto usec = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(usec));
}

void notify_stopping(const std::string& status) {
  send("STOPPING=1\n" + assign_status(status));
}

}  // namespace tierwall::systemd

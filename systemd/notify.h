#pragma once
// What the daemon tells the service manager (sd_notify). Without NOTIFY_SOCKET in the environment nothing happens, so
// the daemon also runs by hand. Never fails: a service manager that does not listen changes nothing about protection.

#include <string>

namespace tierwall::systemd {

/// The service is up, or a reload is complete.
void notify_ready(const std::string& status);
/// The one line that `systemctl status` shows.
void notify_status(const std::string& status);
/// A reload begins; notify_ready() ends it.
void notify_reloading();
void notify_stopping(const std::string& status);

}  // namespace tierwall::systemd

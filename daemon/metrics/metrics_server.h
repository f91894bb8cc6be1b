#pragma once
// Metrics over HTTP: GET /metrics, and nothing else. libmicrohttpd does the protocol, with bounds on everything about a
// client: how many there are, how much they may say, how long they may take. It is run from the daemon's loop when its
// descriptors are ready, behind everything that enforces, and never waits.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/clock.h"
#include "daemon/config.h"
#include "policy/result.h"
#include "systemd/event_loop.h"

struct MHD_Daemon;

namespace tierwall::daemon {

class MetricsServer {
 public:
  static constexpr unsigned kMaxClients = 16;
  /// Of a request with its headers.
  static constexpr std::size_t kMaxRequestBytes = std::size_t{16} << 10;
  /// Without a byte from or to the client.
  static constexpr std::chrono::seconds kClientTimeout{10};
  /// Whoever asks more often gets the same text again.
  static constexpr std::chrono::milliseconds kFresh{1'000};
  /// Between tries to listen where somebody else does.
  static constexpr std::chrono::seconds kRetry{10};

  /// `text` makes the metrics; `on_listening` hears that a place was got that could not be got before. Both are called
  /// on the loop. Borrows loop and clock.
  MetricsServer(systemd::EventLoop& loop, const Clock& clock, std::function<std::string()> text,
                std::function<void()> on_listening);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  /// Serves there from now on and nowhere else; absent: nowhere. Nothing happens if it does already.
  void serve(const std::optional<MetricsPlace>& place);
  /// Why it does not listen where it should; tried again.
  [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }
  /// Where it listens, or 0: for a place whose port is 0 the one the kernel chose.
  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// The metrics, at most kFresh old.
  const std::string& text();

 private:
  struct Stop {
    void operator()(MHD_Daemon* server) const;
  };

  void start();
  void start_again();
  void stop();
  void run();

  systemd::EventLoop& loop_;
  const Clock& clock_;
  std::function<std::string()> make_text_;
  std::function<void()> on_listening_;
  std::string text_;
  std::optional<std::chrono::microseconds> made_at_;  // of text_
  std::optional<MetricsPlace> place_;
  std::optional<std::string> failure_;
  std::uint16_t port_ = 0;
  std::unique_ptr<MHD_Daemon, Stop> server_;
  std::unique_ptr<systemd::IoWatch> ready_;  // goes before what it watches
  systemd::Timer timer_;                     // of clients that are too slow, or of the next try to listen
};

}  // namespace tierwall::daemon

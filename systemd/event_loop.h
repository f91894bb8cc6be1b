#pragma once
// RAII over sd-event: the one loop of the process and the sources on it. Everything runs on the loop's thread. A source
// object owns its registration: when it is destroyed the callback cannot run any more. Sources are neither copyable
// nor movable, because the kernel side holds their address; owners keep them as their last members.
//
// A loop resource that cannot be created throws std::system_error: without it the process is of no use (style 3.5).
// A callback that throws ends the loop with an error; no exception crosses sd-event's C frames. A callback must not
// destroy its own source: it would pull the function from under its own feet.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

struct sd_event;
struct sd_event_source;

namespace tierwall::systemd {

/// Order in which sources of one wake-up are served; smaller first.
enum class Priority : int { Signals = -100, Kernel = -50, Control = -20, Sources = 0, Reconcile = 100 };

class EventLoop {
 public:
  EventLoop();
  ~EventLoop() = default;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Runs until stop(). Returns the exit code; rethrows nothing: what a callback threw is in `failure()`.
  int run();
  void stop(int exit_code);
  /// Answers systemd's watchdog if the unit asks for one. True if it does.
  bool enable_watchdog();
  [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }
  [[nodiscard]] sd_event* raw() const { return event_.get(); }
  /// Called by sources' trampolines: remembers the exception in flight and ends the loop.
  void fail_with_exception_in_flight() noexcept;

 private:
  struct Unref {
    void operator()(sd_event* event) const;
  };

  std::unique_ptr<sd_event, Unref> event_;
  std::optional<std::string> failure_;
};

/// Common ownership of one sd_event_source.
class SourceHandle {
 public:
  SourceHandle() = default;
  ~SourceHandle();
  SourceHandle(const SourceHandle&) = delete;
  SourceHandle& operator=(const SourceHandle&) = delete;

  sd_event_source** slot() { return &source_; }
  [[nodiscard]] sd_event_source* raw() const { return source_; }

 private:
  sd_event_source* source_ = nullptr;
};

/// Calls back whenever the descriptor is ready (level-triggered). Does not own the descriptor, which must outlive it.
class IoWatch {
 public:
  using Callback = std::function<void(std::uint32_t revents)>;
  /// `events`: EPOLLIN and friends.
  IoWatch(EventLoop& loop, int fd, std::uint32_t events, Priority priority, Callback callback);
  IoWatch(const IoWatch&) = delete;
  IoWatch& operator=(const IoWatch&) = delete;

  void set_events(std::uint32_t events);

 private:
  friend struct Trampolines;
  EventLoop& loop_;
  Callback callback_;
  SourceHandle source_;
};

/// One shot; armed by start(), disarmed by firing or stop(). Monotonic clock.
class Timer {
 public:
  using Callback = std::function<void()>;
  Timer(EventLoop& loop, Priority priority, Callback callback);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void start(std::chrono::microseconds delay);
  void stop();
  [[nodiscard]] bool armed() const;

 private:
  friend struct Trampolines;
  EventLoop& loop_;
  Callback callback_;
  SourceHandle source_;
};

/// Runs once after the events that are pending now, however often it is requested.
class Deferred {
 public:
  using Callback = std::function<void()>;
  Deferred(EventLoop& loop, Priority priority, Callback callback);
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;

  void request();

 private:
  friend struct Trampolines;
  EventLoop& loop_;
  Callback callback_;
  SourceHandle source_;
};

/// Blocks the signal for the process and delivers it as an event.
class SignalWatch {
 public:
  using Callback = std::function<void()>;
  SignalWatch(EventLoop& loop, int signal_number, Callback callback);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  friend struct Trampolines;
  EventLoop& loop_;
  Callback callback_;
  SourceHandle source_;
};

}  // namespace tierwall::systemd

#include "systemd/event_loop.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <utility>

#include <systemd/sd-event.h>

namespace tierwall::systemd {

namespace {

/// Timers that are due within this span of each other share one wake-up.
constexpr std::uint64_t kTimerAccuracyUs = 1000;

/// sd-event answers with negative errno values.
int checked(int answer, const char* what) {
  if (answer < 0) throw std::system_error(-answer, std::generic_category(), what);
  return answer;
}

/// The same for what would have effects later: after the loop has ended (ESTALE) there is no later. Owners are taken
/// apart then, and what they do to each other on the way must not become a failure.
void checked_unless_over(int answer, const char* what) {
  if (answer != -ESTALE) checked(answer, what);
}

}  // namespace

/// The only functions sd-event ever calls. A callback always answers 0, because a negative answer would silently
/// disable its source.
struct Trampolines {
  template <typename Source, typename... Arguments>
  static int call(void* userdata, Arguments... arguments) noexcept {
    auto* source = static_cast<Source*>(userdata);
    try {
      source->callback_(arguments...);
    } catch (...) {
      source->loop_.fail_with_exception_in_flight();
    }
    return 0;
  }
  static int io(sd_event_source* /*source*/, int /*fd*/, std::uint32_t revents, void* userdata) noexcept {
    return call<IoWatch>(userdata, revents);
  }
  static int time(sd_event_source* /*source*/, std::uint64_t /*usec*/, void* userdata) noexcept {
    return call<Timer>(userdata);
  }
  static int defer(sd_event_source* /*source*/, void* userdata) noexcept { return call<Deferred>(userdata); }
  static int signal(sd_event_source* /*source*/, const signalfd_siginfo* /*arrived*/, void* userdata) noexcept {
    return call<SignalWatch>(userdata);
  }
};

namespace {

void set_priority(const SourceHandle& source, Priority priority) {
  checked(sd_event_source_set_priority(source.raw(), static_cast<int>(priority)), "cannot order an event source");
}

}  // namespace

// ---- EventLoop -----------------------------------------------------------------------------------------------

void EventLoop::Unref::operator()(sd_event* event) const {
  sd_event_unref(event);
}

EventLoop::EventLoop() {
  sd_event* event = nullptr;
  checked(sd_event_new(&event), "cannot create the event loop");
  event_.reset(event);
}

int EventLoop::run() {
  const int exit_code = sd_event_loop(event_.get());
  if (exit_code < 0 && !failure_) failure_ = std::generic_category().message(-exit_code);
  return failure_ ? EXIT_FAILURE : exit_code;
}

void EventLoop::stop(int exit_code) {
  checked(sd_event_exit(event_.get(), exit_code), "cannot stop the event loop");
}

bool EventLoop::enable_watchdog() {
  return checked(sd_event_set_watchdog(event_.get(), 1), "cannot answer the watchdog") > 0;
}

void EventLoop::fail_with_exception_in_flight() noexcept {
  try {
    throw;
  } catch (const std::exception& exception) {
    failure_ = exception.what();
  } catch (...) {
    failure_ = "an exception of unknown type";
  }
  sd_event_exit(event_.get(), EXIT_FAILURE);
}

// ---- sources -------------------------------------------------------------------------------------------------

SourceHandle::~SourceHandle() {
  sd_event_source_disable_unref(source_);
}

IoWatch::IoWatch(EventLoop& loop, int fd, std::uint32_t events, Priority priority, Callback callback)
    : loop_(loop), callback_(std::move(callback)) {
  checked(sd_event_add_io(loop.raw(), source_.slot(), fd, events, Trampolines::io, this), "cannot watch a descriptor");
  set_priority(source_, priority);
}

void IoWatch::set_events(std::uint32_t events) {
  checked_unless_over(sd_event_source_set_io_events(source_.raw(), events),
                      "cannot change what a descriptor is watched for");
}

Timer::Timer(EventLoop& loop, Priority priority, Callback callback) : loop_(loop), callback_(std::move(callback)) {
  checked(sd_event_add_time(loop.raw(), source_.slot(), CLOCK_MONOTONIC, 0, kTimerAccuracyUs, Trampolines::time, this),
          "cannot create a timer");
  set_priority(source_, priority);
  stop();
}

void Timer::start(std::chrono::microseconds delay) {
  // sd_event_source_set_time_relative() would count from the loop's cached time and so fire early after a long
  // callback.
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const auto due = std::chrono::duration_cast<std::chrono::microseconds>(now + std::max(delay, delay.zero()));
  checked_unless_over(sd_event_source_set_time(source_.raw(), static_cast<std::uint64_t>(due.count())),
                      "cannot set a timer");
  checked_unless_over(sd_event_source_set_enabled(source_.raw(), SD_EVENT_ONESHOT), "cannot arm a timer");
}

void Timer::stop() {
  checked(sd_event_source_set_enabled(source_.raw(), SD_EVENT_OFF), "cannot disarm a timer");
}

bool Timer::armed() const {
  return checked(sd_event_source_get_enabled(source_.raw(), nullptr), "cannot ask a timer") != SD_EVENT_OFF;
}

Deferred::Deferred(EventLoop& loop, Priority priority, Callback callback)
    : loop_(loop), callback_(std::move(callback)) {
  checked(sd_event_add_defer(loop.raw(), source_.slot(), Trampolines::defer, this), "cannot create a deferred step");
  checked(sd_event_source_set_enabled(source_.raw(), SD_EVENT_OFF), "cannot hold a deferred step back");
  set_priority(source_, priority);
}

void Deferred::request() {
  checked_unless_over(sd_event_source_set_enabled(source_.raw(), SD_EVENT_ONESHOT), "cannot request a deferred step");
}

SignalWatch::SignalWatch(EventLoop& loop, int signal_number, Callback callback)
    : loop_(loop), callback_(std::move(callback)) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, signal_number);
  if (pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot block a signal");
  checked(sd_event_add_signal(loop.raw(), source_.slot(), signal_number, Trampolines::signal, this),
          "cannot watch a signal");
  set_priority(source_, Priority::Signals);
}

}  // namespace tierwall::systemd

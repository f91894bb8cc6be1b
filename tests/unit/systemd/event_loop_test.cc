#include "systemd/event_loop.h"

#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace tierwall::systemd {
namespace {

using std::chrono::milliseconds;

TEST(EventLoop, ReturnsTheExitCodeItIsStoppedWith) {
  EventLoop loop;
  Deferred stop(loop, Priority::Reconcile, [&] { loop.stop(7); });
  stop.request();
  EXPECT_EQ(loop.run(), 7);
  EXPECT_FALSE(loop.failure());
}

TEST(EventLoop, ACallbackThatThrowsEndsItWithTheReason) {
  EventLoop loop;
  Deferred step(loop, Priority::Reconcile, [] { throw std::runtime_error("no memory for the map"); });
  step.request();
  EXPECT_EQ(loop.run(), EXIT_FAILURE);
  EXPECT_EQ(loop.failure(), "no memory for the map");
}

TEST(EventLoop, WithoutAWatchdogInTheEnvironmentThereIsNoneToAnswer) {
  unsetenv("WATCHDOG_USEC");
  EventLoop loop;
  EXPECT_FALSE(loop.enable_watchdog());
}

TEST(Deferred, RunsOnceHoweverOftenItIsRequested) {
  EventLoop loop;
  int runs = 0;
  Deferred step(loop, Priority::Sources, [&] { ++runs; });
  Timer stop(loop, Priority::Reconcile, [&] { loop.stop(0); });
  step.request();
  step.request();
  stop.start(milliseconds(5));
  loop.run();
  EXPECT_EQ(runs, 1);
}

/// Parts that are destroyed after the loop still cancel what others of them have under way.
TEST(Deferred, AfterTheLoopHasEndedARequestComesToNothing) {
  EventLoop loop;
  int runs = 0;
  Deferred step(loop, Priority::Sources, [&] { ++runs; });
  Timer later(loop, Priority::Sources, [&] { ++runs; });
  Deferred stop(loop, Priority::Reconcile, [&] { loop.stop(0); });
  stop.request();
  EXPECT_EQ(loop.run(), 0);
  EXPECT_NO_THROW(step.request());
  EXPECT_NO_THROW(later.start(milliseconds(1)));
  EXPECT_EQ(runs, 0);
}

TEST(Deferred, TheSmallerPriorityGoesFirst) {
  EventLoop loop;
  std::vector<std::string> order;
  Deferred last(loop, Priority::Reconcile, [&] {
    order.emplace_back("reconcile");
    loop.stop(0);
  });
  Deferred first(loop, Priority::Control, [&] { order.emplace_back("control"); });
  last.request();
  first.request();
  loop.run();
  EXPECT_EQ(order, (std::vector<std::string>{"control", "reconcile"}));
}

TEST(Timer, FiresOnceAfterItsDelay) {
  EventLoop loop;
  const auto started = std::chrono::steady_clock::now();
  Timer timer(loop, Priority::Sources, [&] { loop.stop(0); });
  EXPECT_FALSE(timer.armed());
  timer.start(milliseconds(20));
  EXPECT_TRUE(timer.armed());
  loop.run();
  EXPECT_GE(std::chrono::steady_clock::now() - started, milliseconds(20));
  EXPECT_FALSE(timer.armed());
}

TEST(Timer, AStoppedOneDoesNotFire) {
  EventLoop loop;
  Timer never(loop, Priority::Sources, [&] { loop.stop(1); });
  Timer stop(loop, Priority::Sources, [&] { loop.stop(0); });
  never.start(milliseconds(1));
  never.stop();
  stop.start(milliseconds(10));
  EXPECT_EQ(loop.run(), 0);
}

TEST(IoWatch, TellsThatADescriptorIsReadable) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  EventLoop loop;
  std::uint32_t seen = 0;
  {
    IoWatch watch(loop, pipe_ends[0], EPOLLIN, Priority::Sources, [&](std::uint32_t revents) {
      seen = revents;
      loop.stop(0);
    });
    ASSERT_EQ(write(pipe_ends[1], "x", 1), 1);
    loop.run();
  }
  EXPECT_EQ(seen & EPOLLIN, static_cast<std::uint32_t>(EPOLLIN));
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

TEST(IoWatch, ADestroyedOneIsSilent) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  EventLoop loop;
  {
    IoWatch gone(loop, pipe_ends[0], EPOLLIN, Priority::Signals, [&](std::uint32_t) { loop.stop(1); });
  }
  ASSERT_EQ(write(pipe_ends[1], "x", 1), 1);
  Timer stop(loop, Priority::Reconcile, [&] { loop.stop(0); });
  stop.start(milliseconds(10));
  EXPECT_EQ(loop.run(), 0);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

TEST(SignalWatch, TurnsASignalIntoAnEvent) {
  EventLoop loop;
  SignalWatch watch(loop, SIGUSR1, [&] { loop.stop(3); });
  kill(getpid(), SIGUSR1);
  EXPECT_EQ(loop.run(), 3);
}

}  // namespace
}  // namespace tierwall::systemd

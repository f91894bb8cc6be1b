#include "tests/fake_api/connection.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>

namespace tierwall::fake_api {

namespace {

constexpr std::chrono::seconds kHandshakeTime{10};
constexpr std::size_t kWriteAtOnce = 16 * 1024;  ///< a TLS record

int timeout_until(Clock::time_point until) {
  const auto now = Clock::now();
  if (until <= now) return 0;
  if (until - now > std::chrono::hours(1)) return -1;
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(until - now).count());
}

/// A peer that is gone must end a write with an error, not this process with a signal.
void block_broken_pipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

Connection::Connection(lab::UniqueFd socket, const TlsIdentity& identity, const Front& front)
    : socket_(std::move(socket), identity, front.script->behaviour().http2),
      front_(front),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Connection::wake() {
  eventfd_write(wake_.number(), 1);
}

void Connection::cut(Cut how) {
  {
    const std::lock_guard lock(mutex_);
    ordered_cut_ = how;
  }
  wake();
}

void Connection::go_away() {
  {
    const std::lock_guard lock(mutex_);
    ordered_away_ = true;
  }
  wake();
}

void Connection::wait(short events, Clock::time_point until) {
  std::array<pollfd, 2> ready{pollfd{socket_.fd(), events, 0}, pollfd{wake_.number(), POLLIN, 0}};
  poll(ready.data(), ready.size(), timeout_until(until));
  eventfd_t ignored = 0;
  eventfd_read(wake_.number(), &ignored);
}

bool Connection::shake_hands() {
  const auto deadline = Clock::now() + kHandshakeTime;
  while (Clock::now() < deadline) {
    const TlsSocket::Progress progress = socket_.handshake();
    if (progress == TlsSocket::Progress::Done) return true;
    if (progress == TlsSocket::Progress::Failed) return false;
    {
      const std::lock_guard lock(mutex_);
      if (ordered_cut_) return false;
    }
    wait(progress == TlsSocket::Progress::WantsRead ? POLLIN : POLLOUT, deadline);
  }
  return false;
}

void Connection::serve() {
  block_broken_pipe();
  if (shake_hands()) {
    front_.certificate = socket_.client_certificate();
    const auto protocol = socket_.protocol() == "h2" ? make_http2(front_) : make_http1(front_);
    run(*protocol);
  }
  if (socket_.fd() >= 0) socket_.cut(Cut::Fin);
  ended_ = true;
  front_.script->poke();
}

void Connection::run(Protocol& protocol) {
  Output output;
  while (true) {
    if (obey_orders(protocol) == Step::Ended) return;
    if (receive(protocol) == Step::Ended) return;
    const Behaviour behaviour = front_.script->behaviour();
    if (output.bytes.size() < Protocol::kOutputLimit) protocol.produce(output.bytes, Clock::now());
    const bool stopped_at_limit = output.bytes.size() >= Protocol::kOutputLimit;
    if (send(output, behaviour) == Step::Ended) return;
    if (close_if_done(protocol, output) == Step::Ended) return;
    if (stopped_at_limit && output.bytes.size() < Protocol::kOutputLimit) continue;  // there may be more at once
    const bool sends = !output.bytes.empty() && !behaviour.stalled;
    // With output waiting, more of it is no reason to wake up.
    const Clock::time_point due =
        output.bytes.size() < Protocol::kOutputLimit ? protocol.due() : Clock::time_point::max();
    if (!sends) {
      wait(POLLIN, due);
    } else if (socket_.blocked_write() > 0) {
      wait(POLLIN | POLLOUT, due);
    } else {
      wait(POLLIN, std::min(output.next_write, due));
    }
  }
}

Connection::Step Connection::obey_orders(Protocol& protocol) {
  const std::lock_guard lock(mutex_);
  if (ordered_cut_) {
    socket_.cut(*ordered_cut_);
    return Step::Ended;
  }
  if (std::exchange(ordered_away_, false)) protocol.go_away();
  return Step::GoOn;
}

Connection::Step Connection::send(Output& output, const Behaviour& behaviour) {
  while (!output.bytes.empty() && !behaviour.stalled) {
    const auto now = Clock::now();
    if (behaviour.slow_bytes > 0 && now < output.next_write) return Step::GoOn;
    const std::size_t most = behaviour.slow_bytes > 0 ? behaviour.slow_bytes : kWriteAtOnce;
    const auto written =
        socket_.write(std::string_view(output.bytes).substr(0, std::max(most, socket_.blocked_write())));
    if (!written) return Step::Ended;
    output.bytes.erase(0, *written);
    output.next_write = now + (behaviour.slow_bytes > 0 ? behaviour.slow_tick : std::chrono::milliseconds(0));
    if (*written == 0) return Step::GoOn;
  }
  return Step::GoOn;
}

Connection::Step Connection::receive(Protocol& protocol) {
  const auto arrived = socket_.read();
  if (!arrived || (!arrived->empty() && !protocol.receive(*arrived))) return Step::Ended;
  return Step::GoOn;
}

Connection::Step Connection::close_if_done(const Protocol& protocol, const Output& output) {
  if (!output.bytes.empty()) return Step::GoOn;
  if (protocol.cut()) {
    socket_.cut(*protocol.cut());
    return Step::Ended;
  }
  if (!protocol.finished()) return Step::GoOn;
  socket_.close_politely();
  return Step::Ended;
}

}  // namespace tierwall::fake_api

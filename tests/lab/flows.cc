#include "tests/lab/flows.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <stdexcept>

#include <poll.h>
#include <sys/socket.h>

#include "tests/lab/socket_address.h"

namespace tierwall::lab {
namespace {

bool wait_for(int socket, short events, std::chrono::milliseconds timeout) {
  pollfd watched{socket, events, 0};
  return ::poll(&watched, 1, static_cast<int>(timeout.count())) == 1 && (watched.revents & events) != 0;
}

bool carry(int from, int to, std::chrono::milliseconds timeout) {
  std::array<char, 16> buffer{};
  return ::send(from, "hello", 5, MSG_NOSIGNAL) == 5 && wait_for(to, POLLIN, timeout) &&
         ::recv(to, buffer.data(), buffer.size(), 0) == 5;
}

}  // namespace

UdpStream::UdpStream(const Host& from, const Host& to, std::uint16_t port, policy::Family family)
    : source_(open_socket(from, {.type = SOCK_DGRAM, .protocol = 0, .family = family, .port = next_source_port()})),
      destination_(open_socket(
          to, {.type = SOCK_DGRAM, .protocol = 0, .family = family, .address = &to.address(family), .port = port})) {
  const SocketAddress target(to.address(family), port);
  if (::connect(source_.number(), target.get(), target.length()) != 0) throw_errno("connect a stream");
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void UdpStream::run(const std::stop_token& stop) {
  using Clock = std::chrono::steady_clock;
  std::array<char, 16> buffer{};
  std::optional<Clock::time_point> opened;
  while (!stop.stop_requested()) {
    const Clock::time_point now = Clock::now();
    if (::send(source_.number(), "probe", 5, MSG_NOSIGNAL) == 5) ++sent_;
    if (!wait_for(destination_.number(), POLLIN, std::chrono::milliseconds(1))) {
      opened.reset();
      continue;
    }
    while (::recv(destination_.number(), buffer.data(), buffer.size(), 0) > 0) ++arrived_;
    if (!opened) opened = now;
    const auto open_for = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - *opened);
    longest_opening_ = std::max(longest_opening_.load(), open_for);
  }
}

TcpConversation::TcpConversation(const Host& from, const Host& to, std::uint16_t port, policy::Family family)
    : listener_(open_socket(
          to, {.type = SOCK_STREAM, .protocol = 0, .family = family, .address = &to.address(family), .port = port})),
      client_(open_socket(from, {.type = SOCK_STREAM, .protocol = 0, .family = family, .port = next_source_port()})) {
  if (::listen(listener_.number(), 1) != 0) throw_errno("listen");
  const SocketAddress target(to.address(family), port);
  if (::connect(client_.number(), target.get(), target.length()) != 0 && errno != EINPROGRESS) throw_errno("connect");
  if (wait_for(listener_.number(), POLLIN, kPatientTimeout))
    server_ = UniqueFd(::accept4(listener_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!server_) throw std::runtime_error("no connection from " + from.name + " to " + to.name);
}

bool TcpConversation::exchange(std::chrono::milliseconds timeout) {
  return carry(client_.number(), server_.number(), timeout) && carry(server_.number(), client_.number(), timeout);
}

}  // namespace tierwall::lab

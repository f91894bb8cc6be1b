#include "tests/lab/flows.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <stdexcept>
#include <utility>

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

/// Anything at all, and all there is.
bool carry_some(int from, int to, std::chrono::milliseconds timeout) {
  std::array<char, 256> buffer{};
  static_cast<void>(::send(from, "hello", 5, MSG_NOSIGNAL));
  if (!wait_for(to, POLLIN, timeout)) return false;
  ssize_t got = 0;
  for (ssize_t more = 0; (more = ::recv(to, buffer.data(), buffer.size(), 0)) > 0;) got += more;
  return got > 0;
}

struct TcpEnds {
  UniqueFd listener;
  UniqueFd client;
  UniqueFd server;
};

TcpEnds connect_tcp(const Host& from, const Host& to, std::uint16_t port, policy::Family family) {
  TcpEnds ends{
      .listener = open_socket(
          to, {.type = SOCK_STREAM, .protocol = 0, .family = family, .address = &to.address(family), .port = port}),
      .client = open_socket(from, {.type = SOCK_STREAM, .protocol = 0, .family = family, .port = next_source_port()}),
      .server = {}};
  if (::listen(ends.listener.number(), 1) != 0) throw_errno("listen");
  const SocketAddress target(to.address(family), port);
  if (::connect(ends.client.number(), target.get(), target.length()) != 0 && errno != EINPROGRESS) {
    throw_errno("connect");
  }
  if (wait_for(ends.listener.number(), POLLIN, kPatientTimeout)) {
    ends.server = UniqueFd(::accept4(ends.listener.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  }
  if (!ends.server) throw std::runtime_error("no connection from " + from.name + " to " + to.name);
  return ends;
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

UdpConversation::UdpConversation(const Host& from, const Host& to, std::uint16_t port, policy::Family family)
    : client_(open_socket(from, {.type = SOCK_DGRAM, .protocol = 0, .family = family, .port = next_source_port()})),
      server_(open_socket(
          to, {.type = SOCK_DGRAM, .protocol = 0, .family = family, .address = &to.address(family), .port = port})) {
  const SocketAddress target(to.address(family), port);
  if (::connect(client_.number(), target.get(), target.length()) != 0) throw_errno("connect a datagram socket");
  static_cast<void>(::send(client_.number(), "hello", 5, MSG_NOSIGNAL));
  std::array<char, 16> buffer{};
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  auto* const generic = reinterpret_cast<sockaddr*>(&peer);
  const bool heard = wait_for(server_.number(), POLLIN, kPatientTimeout) &&
                     ::recvfrom(server_.number(), buffer.data(), buffer.size(), 0, generic, &length) == 5 &&
                     ::connect(server_.number(), generic, length) == 0;
  if (!heard || !reaches_client()) throw std::runtime_error("no answer to " + from.name + " from " + to.name);
}

bool UdpConversation::reaches_server(std::chrono::milliseconds timeout) {
  return carry_some(client_.number(), server_.number(), timeout);
}

bool UdpConversation::reaches_client(std::chrono::milliseconds timeout) {
  return carry_some(server_.number(), client_.number(), timeout);
}

TcpTransfer::TcpTransfer(const Host& from, const Host& to, std::uint16_t port, policy::Family family) {
  TcpEnds ends = connect_tcp(from, to, port, family);
  client_ = std::move(ends.client);
  server_ = std::move(ends.server);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void TcpTransfer::run(const std::stop_token& stop) {
  constexpr std::uint64_t kPeriod = 251;  // a prime, so that what is lost shows
  std::array<char, 4096> out{};
  std::array<char, 4096> in{};
  std::uint64_t sent = 0;
  while (!stop.stop_requested() && !damaged_) {
    for (std::size_t i = 0; i < out.size(); ++i) out.at(i) = static_cast<char>((sent + i) % kPeriod);
    if (const ssize_t more = ::send(client_.number(), out.data(), out.size(), MSG_NOSIGNAL); more > 0) {
      sent += static_cast<std::uint64_t>(more);
    } else if (errno != EAGAIN) {
      damaged_ = true;
    }
    if (!wait_for(server_.number(), POLLIN, std::chrono::milliseconds(10))) continue;
    const ssize_t got = ::recv(server_.number(), in.data(), in.size(), 0);
    if (got <= 0) damaged_ = true;
    for (ssize_t i = 0; i < got; ++i) {
      if (in.at(static_cast<std::size_t>(i)) != static_cast<char>(arrived_++ % kPeriod)) damaged_ = true;
    }
  }
}

TcpConversation::TcpConversation(const Host& from, const Host& to, std::uint16_t port, policy::Family family) {
  TcpEnds ends = connect_tcp(from, to, port, family);
  listener_ = std::move(ends.listener);
  client_ = std::move(ends.client);
  server_ = std::move(ends.server);
}

bool TcpConversation::reaches_server(std::chrono::milliseconds timeout) {
  return carry_some(client_.number(), server_.number(), timeout);
}

bool TcpConversation::reaches_client(std::chrono::milliseconds timeout) {
  return carry_some(server_.number(), client_.number(), timeout);
}

int TcpConversation::server_error() const {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(server_.number(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) throw_errno("error of a socket");
  return error;
}

bool TcpConversation::exchange(std::chrono::milliseconds timeout) {
  return carry(client_.number(), server_.number(), timeout) && carry(server_.number(), client_.number(), timeout);
}

}  // namespace tierwall::lab

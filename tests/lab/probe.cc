#include "tests/lab/probe.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <tuple>

#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/lab/sctp_packet.h"
#include "tests/lab/socket_address.h"

namespace tierwall::lab {
namespace {

using Clock = std::chrono::steady_clock;
using policy::Family;
using policy::Protocol;

bool is_refusal(int error) {
  return error == ECONNREFUSED || error == EHOSTUNREACH || error == EACCES || error == ENOPROTOOPT || error == EPROTO ||
         error == ECONNRESET;
}

int socket_type(Protocol protocol) {
  if (protocol == policy::kTcp) return SOCK_STREAM;
  return protocol == policy::kSctp ? SOCK_RAW : SOCK_DGRAM;
}

int socket_protocol(Protocol protocol, Family family) {
  const bool echo = protocol == policy::kIcmp || protocol == policy::kIcmpv6;
  if (echo) return (family == Family::V4 ? policy::kIcmp : policy::kIcmpv6).number;
  return protocol.number;
}

// Otherwise datagram sockets hear of few ICMP errors, and TCP forgets one that comes while connect() still holds the
// socket: over a veth pair the answer to a SYN is there before connect() returns.
void report_all_errors(int socket, Family family) {
  const int on = 1;
  if (family == Family::V4) ::setsockopt(socket, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  if (family == Family::V6) ::setsockopt(socket, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
}

std::array<std::uint8_t, 8> make_echo_request(Family family) {
  const std::uint8_t type = family == Family::V4 ? std::uint8_t{ICMP_ECHO} : std::uint8_t{ICMP6_ECHO_REQUEST};
  return {type, 0, 0, 0, 0, 0, 0, 1};  // the kernel fills in the checksum and the id, which is the bound port
}

// The destination's end of probes to one address, protocol and port.
struct Listener {
  using Key = std::tuple<const Host*, Family, Protocol, std::uint16_t>;

  UniqueFd socket;
  Protocol protocol;
  Family family = Family::V4;

  explicit Listener(const Probe& probe) : protocol(probe.protocol), family(probe.family) {
    const bool raw = protocol == policy::kSctp;
    socket = open_socket(*probe.to, {.type = socket_type(protocol),
                                     .protocol = socket_protocol(protocol, family),
                                     .family = family,
                                     .address = &probe.to->address(family),
                                     .port = raw ? std::uint16_t{0} : probe.port});
    // Nobody accepts: the kernel completes the handshake, which is all a probe asks for.
    if (protocol == policy::kTcp && ::listen(socket.number(), 512) != 0) throw_errno("listen");
  }

  static Key key(const Probe& probe) {
    return {probe.to, probe.family, probe.protocol, probe.protocol == policy::kSctp ? std::uint16_t{0} : probe.port};
  }
};

// One probe under way.
struct Attempt {
  UniqueFd socket;
  std::uint16_t source_port = 0;
  std::optional<Outcome> outcome;
};

void start(const Probe& probe, Attempt& attempt) {
  const bool raw = probe.protocol == policy::kSctp;
  attempt.source_port = next_source_port();
  attempt.socket = open_socket(*probe.from, {.type = socket_type(probe.protocol),
                                             .protocol = socket_protocol(probe.protocol, probe.family),
                                             .family = probe.family,
                                             .address = nullptr,
                                             .port = raw ? std::uint16_t{0} : attempt.source_port});
  const int fd = attempt.socket.number();
  report_all_errors(fd, probe.family);
  const bool ports = probe.protocol == policy::kTcp || probe.protocol == policy::kUdp;
  const SocketAddress target(probe.to->address(probe.family), ports ? probe.port : std::uint16_t{0});
  ssize_t sent = ::connect(fd, target.get(), target.length());
  if (sent == 0 && probe.protocol == policy::kUdp) sent = ::send(fd, "probe", 5, MSG_NOSIGNAL);
  if (sent == 0 && raw) {
    const auto init = make_sctp_init({attempt.source_port, probe.port});
    sent = ::send(fd, init.data(), init.size(), MSG_NOSIGNAL);
  }
  if (sent == 0 && !ports && !raw) {
    const auto request = make_echo_request(probe.family);
    sent = ::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
  }
  if (sent >= 0 || errno == EINPROGRESS || errno == EPERM) return;  // EPERM: the sender's own output rules drop it
  if (!is_refusal(errno)) throw_errno("start probe " + describe(probe));
  attempt.outcome = Outcome::Refused;
}

// The errno of the first ICMP error in the socket's error queue; 0 if there is none.
int queued_error(int socket) {
  alignas(cmsghdr) std::array<char, 512> control{};
  msghdr message{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(socket, &message, MSG_ERRQUEUE) < 0) return 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    const bool v4 = part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR;
    const bool v6 = part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;
    sock_extended_err report{};
    std::memcpy(&report, CMSG_DATA(part), sizeof report);
    return static_cast<int>(report.ee_errno);
  }
  return 0;
}

int pending_error(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length);
  return error != 0 ? error : queued_error(socket);
}

// What the sender's socket says; absent: nothing yet.
std::optional<Outcome> read_answer(const Probe& probe, int socket) {
  const int error = pending_error(socket);
  if (is_refusal(error)) return Outcome::Refused;
  if (probe.protocol == policy::kTcp) return error == 0 ? Outcome::Allowed : Outcome::Dropped;
  if (probe.protocol == policy::kSctp) return std::nullopt;
  std::array<std::uint8_t, 256> buffer{};
  const ssize_t count = ::recv(socket, buffer.data(), buffer.size(), 0);
  if (count >= 0) return Outcome::Allowed;
  return is_refusal(errno) ? std::optional(Outcome::Refused) : std::nullopt;
}

void echo(int socket) {
  std::array<std::uint8_t, 256> buffer{};
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  for (;;) {
    const ssize_t count =
        ::recvfrom(socket, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&peer), &length);
    if (count < 0) return;
    ::sendto(socket, buffer.data(), static_cast<std::size_t>(count), 0, reinterpret_cast<sockaddr*>(&peer), length);
    length = sizeof peer;
  }
}

class Round {
 public:
  explicit Round(std::span<const Probe> probes) : probes_(probes), attempts_(probes.size()) {
    for (const Probe& probe : probes_) {
      const bool kernel_answers = probe.protocol == policy::kIcmp || probe.protocol == policy::kIcmpv6;
      if (probe.listening && !kernel_answers && !listeners_.contains(Listener::key(probe)))
        listeners_.emplace(Listener::key(probe), Listener(probe));
    }
    for (std::size_t i = 0; i < probes_.size(); ++i) start(probes_[i], attempts_[i]);
  }

  std::vector<Outcome> finish(std::chrono::milliseconds timeout) {
    wait_for(std::vector<Outcome>(attempts_.size(), Outcome::Allowed), timeout);
    std::vector<Outcome> outcomes;
    for (const Attempt& attempt : attempts_) outcomes.push_back(attempt.outcome.value_or(Outcome::Dropped));
    return outcomes;
  }

  /// Until every probe that is expected to be answered was, or the time is over. False: the time was over, or there is
  /// no such probe.
  bool wait_for(std::span<const Outcome> expected, std::chrono::milliseconds timeout) {
    const Clock::time_point deadline = Clock::now() + timeout;
    while (any_silent(expected)) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      if (left.count() <= 0) return false;
      step(static_cast<int>(left.count()));
    }
    return std::any_of(expected.begin(), expected.end(), [](Outcome one) { return one != Outcome::Dropped; });
  }

 private:
  [[nodiscard]] bool any_silent(std::span<const Outcome> expected) const {
    for (std::size_t i = 0; i < attempts_.size(); ++i)
      if (expected[i] != Outcome::Dropped && !attempts_[i].outcome) return true;
    return false;
  }

  void step(int wait_ms) {
    std::vector<pollfd> watched;
    for (const auto& [key, listener] : listeners_) watched.push_back({listener.socket.number(), POLLIN, 0});
    for (std::size_t i = 0; i < attempts_.size(); ++i) {
      const short wanted = probes_[i].protocol == policy::kTcp ? POLLOUT : POLLIN;
      watched.push_back({attempts_[i].outcome ? -1 : attempts_[i].socket.number(), wanted, 0});
    }
    ::poll(watched.data(), watched.size(), wait_ms);
    std::size_t at = 0;
    for (const auto& [key, listener] : listeners_)
      if (watched[at++].revents != 0) serve(listener);
    for (std::size_t i = 0; i < attempts_.size(); ++i) {
      if (watched[at++].revents == 0 || attempts_[i].outcome) continue;
      attempts_[i].outcome = read_answer(probes_[i], attempts_[i].socket.number());
    }
  }

  void serve(const Listener& listener) {
    if (listener.protocol == policy::kUdp) echo(listener.socket.number());
    if (listener.protocol == policy::kSctp) note_arrivals(listener);
  }

  // Raw sockets hand over the IPv4 header too, but not the IPv6 one.
  void note_arrivals(const Listener& listener) {
    std::array<std::uint8_t, 256> buffer{};
    for (;;) {
      const ssize_t count = ::recv(listener.socket.number(), buffer.data(), buffer.size(), 0);
      if (count <= 0) return;
      const std::size_t header = listener.family == Family::V4 ? std::size_t{4} * (buffer[0] & 0x0fu) : 0;
      const std::span<const std::uint8_t> packet(buffer.data(), static_cast<std::size_t>(count));
      if (header >= packet.size()) continue;
      const auto ports = read_sctp_ports(packet.subspan(header));
      for (std::size_t i = 0; ports && i < attempts_.size(); ++i) {
        const bool ours = attempts_[i].source_port == ports->source && probes_[i].port == ports->destination;
        if (ours && probes_[i].protocol == policy::kSctp) attempts_[i].outcome = Outcome::Allowed;
      }
    }
  }

  std::span<const Probe> probes_;
  std::map<Listener::Key, Listener> listeners_;
  std::vector<Attempt> attempts_;
};

}  // namespace

std::string_view print_outcome(Outcome outcome) {
  switch (outcome) {
    case Outcome::Allowed:
      return "allow";
    case Outcome::Dropped:
      return "drop";
    case Outcome::Refused:
      return "refuse";
  }
  throw std::logic_error("not an outcome");
}

std::string describe(const Probe& probe) {
  return probe.from->name + " -> " + probe.to->name + " " + policy::print_protocol(probe.protocol) + " " +
         std::to_string(probe.port) + (probe.family == Family::V4 ? " v4" : " v6");
}

std::uint16_t next_source_port() {
  static std::atomic<unsigned> used{0};
  return static_cast<std::uint16_t>(20000 + used++ % 40000);
}

UniqueFd open_socket(const Host& host, const SocketWish& wish) {
  const int family = wish.family == Family::V4 ? AF_INET : AF_INET6;
  UniqueFd fd(
      host.network.run([&] { return ::socket(family, wish.type | SOCK_NONBLOCK | SOCK_CLOEXEC, wish.protocol); }));
  if (!fd) throw_errno("open a socket in " + host.name);
  if (wish.address == nullptr && wish.port == 0) return fd;
  const int on = 1;
  ::setsockopt(fd.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const SocketAddress local(wish.family, wish.address, wish.port);
  if (::bind(fd.number(), local.get(), local.length()) != 0) throw_errno("bind a socket in " + host.name);
  return fd;
}

std::vector<Outcome> run_probes(std::span<const Probe> probes, std::chrono::milliseconds timeout) {
  return Round(probes).finish(timeout);
}

namespace {

/// The listeners are gone when this returns, so that the ports are free for another round.
std::vector<Outcome> run_until_answered(std::span<const Probe> probes, std::span<const Outcome> expected) {
  Round round(probes);
  // All were sent before any was waited for, and nothing on their way takes turns: when the last of those that should
  // be answered was, an answer to any other is there, too, or a moment away.
  const bool answered = round.wait_for(expected, kProbeTimeout);
  return round.finish(answered ? kAfterLastAnswer : kProbeTimeout);
}

}  // namespace

std::vector<Outcome> run_expecting(std::span<const Probe> probes, std::span<const Outcome> expected) {
  std::vector<Outcome> outcomes = run_until_answered(probes, expected);
  std::vector<Probe> again;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i] != Outcome::Dropped || expected[i] == Outcome::Dropped) continue;
    again.push_back(probes[i]);
    places.push_back(i);
  }
  if (again.empty()) return outcomes;
  const std::vector<Outcome> second = run_probes(again, kPatientTimeout);
  for (std::size_t i = 0; i < places.size(); ++i) outcomes[places[i]] = second[i];
  return outcomes;
}

Outcome run_probe(const Probe& probe, std::chrono::milliseconds timeout) {
  return run_probes(std::span(&probe, 1), timeout).front();
}

}  // namespace tierwall::lab

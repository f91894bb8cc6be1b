#include "daemon/control/control_client.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <fmt/format.h>

#include "daemon/control/varlink.h"
#include "systemd/unique_fd.h"

namespace tierwall::daemon {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxAnswerBytes = 64u << 20;

class Connection {
 public:
  Connection(systemd::UniqueFd fd, Clock::time_point deadline) : fd_(std::move(fd)), deadline_(deadline) {}

  Result<void> connect(const std::string& path);
  Result<void> send(std::string_view bytes);
  /// Up to the next zero byte, without it.
  Result<std::string> receive();

 private:
  /// Waits until the socket is ready for `events`, at most to the deadline.
  Result<void> wait(short events);

  systemd::UniqueFd fd_;
  Clock::time_point deadline_;
};

Error failed(const char* action, int error_number) {
  const bool denied = error_number == EACCES || error_number == EPERM;
  return {denied ? ErrorKind::Denied : ErrorKind::Unavailable,
          fmt::format("{}: {}", action, std::strerror(error_number)), error_number};
}

Result<void> Connection::wait(short events) {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
    if (left <= 0) return Error{ErrorKind::Unavailable, "the daemon does not answer in time", ETIMEDOUT};
    pollfd poll_on{.fd = fd_.raw(), .events = events, .revents = 0};
    const int ready = poll(&poll_on, 1, static_cast<int>(left));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return failed("cannot wait for the daemon", errno);
  }
}

Result<void> Connection::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return Error{ErrorKind::NotFound, "the socket path is too long", 0};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  // A full backlog makes a non-blocking Unix socket answer EAGAIN instead of waiting; poll cannot wait for that.
  while (::connect(fd_.raw(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    if (errno != EAGAIN && errno != EINTR) return failed("cannot connect", errno);
    if (Clock::now() >= deadline_) return failed("cannot connect", ETIMEDOUT);
    poll(nullptr, 0, 10);
  }
  return {};
}

Result<void> Connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (Result<void> ready = wait(POLLOUT); !ready) return ready;
    const ssize_t sent = ::send(fd_.raw(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN && errno != EINTR) {
      // The daemon may have said why before it closed: receive() then finds the reply.
      return errno == EPIPE || errno == ECONNRESET ? Result<void>() : failed("cannot send", errno);
    }
  }
  return {};
}

Result<std::string> Connection::receive() {
  std::string answer;
  std::array<char, 65536> buffer;
  while (true) {
    if (Result<void> ready = wait(POLLIN); !ready) return ready.error();
    const ssize_t count = recv(fd_.raw(), buffer.data(), buffer.size(), 0);
    if (count == 0) return Error{ErrorKind::Unavailable, "the daemon closed the connection", 0};
    if (count < 0 && errno != EAGAIN && errno != EINTR) return failed("cannot receive", errno);
    if (count < 0) continue;
    const std::string_view part(buffer.data(), static_cast<std::size_t>(count));
    const std::size_t end = part.find('\0');
    answer.append(part.substr(0, end));
    if (end != std::string_view::npos) return answer;
    if (answer.size() > kMaxAnswerBytes) return malformed("the answer is too long");
  }
}

/// A Varlink error as one of ours.
Error from_varlink(const std::string& name, const Json& parameters) {
  const std::string text = parameters.empty() ? name : name + " " + parameters.dump();
  const std::string_view word = std::string_view(name).substr(name.rfind('.') + 1);
  if (word == "PermissionDenied") return {ErrorKind::Denied, "the daemon refuses this user", EACCES};
  if (word == "Refused" && parameters.contains("message") && parameters["message"].is_string()) {
    const auto reason = parameters.find("reason");
    const std::string kind = reason != parameters.end() && reason->is_string() ? reason->get<std::string>() : "";
    return {parse_error_kind(kind), parameters["message"].get<std::string>(), 0};
  }
  const bool absent = word == "MethodNotFound" || word == "InterfaceNotFound";
  return {absent ? ErrorKind::NotFound : ErrorKind::Internal, text, 0};
}

}  // namespace

Result<Json> read_answer(std::string_view text) {
  const Json answer = parse_message(text);
  if (!answer.is_object()) return malformed("the answer is no JSON object");
  const auto found = answer.find("parameters");
  Json parameters = found == answer.end() || found->is_null() ? Json::object() : *found;
  if (!parameters.is_object()) return malformed("the answer's parameters are no JSON object");
  const auto error = answer.find("error");
  if (error == answer.end()) return parameters;
  if (!error->is_string()) return malformed("the answer's error is no string");
  return from_varlink(error->get<std::string>(), parameters);
}

Result<Json> call(const std::string& socket_path, const std::string& method, const Json& parameters,
                  std::chrono::milliseconds timeout) {
  systemd::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open()) return failed("cannot make a socket", errno).in(socket_path);
  Connection connection(std::move(fd), Clock::now() + timeout);
  if (Result<void> connected = connection.connect(socket_path); !connected) return connected.error().in(socket_path);
  Json message = Json::object();
  message["method"] = std::string(kControlInterface) + "." + method;
  message["parameters"] = parameters.is_null() ? Json::object() : parameters;
  if (Result<void> sent = connection.send(frame(message)); !sent) return sent.error().in(socket_path);
  Result<std::string> text = connection.receive();
  if (!text) return text.error().in(socket_path);
  Result<Json> answer = read_answer(*text);
  if (!answer) return answer.error().in(socket_path);
  return answer;
}

}  // namespace tierwall::daemon

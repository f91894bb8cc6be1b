#include "daemon/control/control_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

using systemd::UniqueFd;

constexpr int kBacklog = 64;

UniqueFd make_socket() {
  return UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

UniqueFd spare_descriptor() {
  return UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

Error failed(const std::string& path, const char* action) {
  const int error_number = errno;
  return {ErrorKind::Unavailable, fmt::format("{}: {}: {}", path, action, std::strerror(error_number)), error_number};
}

std::optional<gid_t> find_group(const char* name) {
  const group* entry = getgrnam(name);
  return entry == nullptr ? std::nullopt : std::optional<gid_t>(entry->gr_gid);
}

std::vector<gid_t> supplementary_groups(int fd) {
  std::vector<gid_t> groups(64);
  while (true) {
    auto bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const int answer = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes);
    if (answer != 0 && errno != ERANGE) return {};
    groups.resize(bytes / sizeof(gid_t));
    if (answer == 0) return groups;
  }
}

/// Who is at the other end, as the kernel recorded it when they connected.
std::optional<ucred> find_peer(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer;
}

bool may_ask(int fd, const ucred& peer, const std::optional<gid_t>& group) {
  if (peer.uid == 0 || peer.uid == geteuid()) return true;
  if (!group) return false;
  if (peer.gid == *group) return true;
  const std::vector<gid_t> groups = supplementary_groups(fd);
  return std::find(groups.begin(), groups.end(), *group) != groups.end();
}

sockaddr_un socket_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  TIERWALL_CHECK(path.size() < sizeof(address.sun_path));
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

/// Removes a socket nobody listens on. Conflict if somebody does, or if something else has the name.
Result<void> clear_path(const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) return errno == ENOENT ? Result<void>() : failed(path, "cannot be examined");
  if (!S_ISSOCK(found.st_mode)) return Error{ErrorKind::Conflict, path + ": exists and is no socket", EEXIST};
  const UniqueFd probe = make_socket();
  if (!probe.is_open()) return failed(path, "cannot make a socket");
  const sockaddr_un address = socket_address(path);
  const bool answered = connect(probe.raw(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  // A full backlog (EAGAIN) is a process that listens, too; only a refusal proves that nobody does.
  const bool dead = !answered && errno == ECONNREFUSED;
  if (!dead) return Error{ErrorKind::Conflict, path + ": another process answers there", EADDRINUSE};
  return unlink(path.c_str()) == 0 ? Result<void>() : failed(path, "cannot be replaced");
}

/// Under systemd the directory exists (RuntimeDirectory=); by hand it may not.
void make_parent(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) mkdir(path.substr(0, slash).c_str(), 0755);
}

/// Mode 0660 and the group. Nobody can connect before listen(), so there is no moment of looser permissions. The
/// group is only changed where it differs: the service's sandbox allows no chown, and there it is right already.
Result<void> restrict_access(const std::string& path, const std::optional<gid_t>& group) {
  if (chmod(path.c_str(), 0660) != 0) return failed(path, "cannot set its mode");
  struct stat made {};
  if (stat(path.c_str(), &made) != 0) return failed(path, "cannot be examined");
  if (!group || made.st_gid == *group) return {};
  if (chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) return failed(path, "cannot give it to the group");
  return {};
}

}  // namespace

// ---- one caller ----------------------------------------------------------------------------------------------

/// Reads a request, answers it, reads the next: while a reply is under way nothing is read, so a caller that does not
/// take its replies cannot make them pile up.
class ControlServer::Client {
 public:
  Client(ControlServer& server, UniqueFd fd, const Caller& caller)
      : server_(server),
        caller_(caller),
        fd_(std::move(fd)),
        deadline_(server.loop_, systemd::Priority::Control, [this] { finish(); }),
        ready_(server.loop_, fd_.raw(), EPOLLIN, systemd::Priority::Control,
               [this](std::uint32_t revents) { serve(revents); }) {
    deadline_.start(kIdleTimeout);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] bool is_closed() const { return closed_; }

  /// Says why and closes once that is sent.
  void turn_away() {
    output_ = error_frame("org.varlink.service.PermissionDenied", Json::object());
    close_when_sent_ = true;
    flush();
  }

 private:
  void serve(std::uint32_t revents) {
    if (closed_) return;
    if (output_.empty() && !read()) return finish();
    if (!output_.empty() && (revents & EPOLLERR) != 0) return finish();
    answer_requests();
    flush();
  }

  /// False at the end of the stream, after an error, and when a request is too long.
  bool read() {
    std::array<char, 16384> buffer;
    const ssize_t count = recv(fd_.raw(), buffer.data(), buffer.size(), 0);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) return false;
    if (input_.empty()) deadline_.start(kExchangeTimeout);
    input_.append(buffer.data(), static_cast<std::size_t>(count));
    const std::size_t most = caller_.may_change() ? kMaxChangeBytes : kMaxRequestBytes;
    return input_.size() <= most || input_.find('\0') <= most;
  }

  void answer_requests() {
    while (!closed_ && output_.empty()) {
      const std::size_t end = input_.find('\0');
      if (end == std::string::npos) return;
      const Result<VarlinkCall> call = parse_call(std::string_view(input_).substr(0, end));
      input_.erase(0, end + 1);
      if (!call) return finish();
      output_ = respond(server_.service_, *call, caller_).value_or("");
      sent_ = 0;
      if (output_.size() > kMaxReplyBytes) return finish();
      deadline_.start(!output_.empty() || !input_.empty() ? std::chrono::microseconds(kExchangeTimeout)
                                                          : std::chrono::microseconds(kIdleTimeout));
    }
  }

  /// Sends what the socket takes, and goes on with the requests that wait behind a reply that is out.
  void flush() {
    while (!closed_ && !output_.empty()) {
      const ssize_t count = send(fd_.raw(), output_.data() + sent_, output_.size() - sent_, MSG_NOSIGNAL);
      if (count < 0 && errno == EAGAIN) break;
      if (count < 0 && errno != EINTR) return finish();
      if (count > 0) sent_ += static_cast<std::size_t>(count);
      if (sent_ < output_.size()) continue;
      output_.clear();
      if (close_when_sent_) return finish();
      deadline_.start(input_.empty() ? std::chrono::microseconds(kIdleTimeout)
                                     : std::chrono::microseconds(kExchangeTimeout));
      answer_requests();
    }
    if (!closed_) ready_.set_events(output_.empty() ? EPOLLIN : EPOLLOUT);
  }

  /// The object itself is removed later, because this runs inside its own callbacks.
  void finish() {
    closed_ = true;
    server_.sweep_.request();
  }

  ControlServer& server_;
  Caller caller_;
  UniqueFd fd_;
  bool closed_ = false;
  bool close_when_sent_ = false;
  std::string input_;
  std::string output_;
  std::size_t sent_ = 0;
  systemd::Timer deadline_;
  systemd::IoWatch ready_;
};

// ---- the socket ----------------------------------------------------------------------------------------------

ControlServer::ControlServer(systemd::EventLoop& loop, VarlinkService service)
    : loop_(loop),
      service_(std::move(service)),
      group_(find_group(kControlGroup)),
      // Ahead of the clients' own events: a socket whose other end is gone is ready all the time.
      sweep_(loop, systemd::Priority::Kernel, [this] { remove_closed(); }) {}

ControlServer::~ControlServer() {
  if (!path_.empty()) unlink(path_.c_str());
}

Result<void> ControlServer::listen(const std::string& path) {
  TIERWALL_CHECK(!fd_.is_open());
  make_parent(path);
  if (Result<void> cleared = clear_path(path); !cleared) return cleared;
  fd_ = make_socket();
  if (!fd_.is_open()) return failed(path, "cannot make a socket");
  const sockaddr_un address = socket_address(path);
  if (bind(fd_.raw(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return failed(path, "cannot bind");
  path_ = path;
  spare_ = spare_descriptor();
  if (Result<void> restricted = restrict_access(path, group_); !restricted) return restricted;
  if (::listen(fd_.raw(), kBacklog) != 0) return failed(path, "cannot listen");
  incoming_ = std::make_unique<systemd::IoWatch>(loop_, fd_.raw(), EPOLLIN, systemd::Priority::Control,
                                                 [this](std::uint32_t) { accept_clients(); });
  return {};
}

void ControlServer::accept_clients() {
  if (!spare_.is_open()) spare_ = spare_descriptor();
  while (true) {
    UniqueFd fd(accept4(fd_.raw(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd.is_open() && errno == EMFILE && hang_up_on_one()) continue;
    if (!fd.is_open()) return;
    if (clients_.size() >= kMaxClients) continue;
    const std::optional<ucred> peer = find_peer(fd.raw());
    const bool allowed = peer && may_ask(fd.raw(), *peer, group_);
    clients_.push_back(std::make_unique<Client>(*this, std::move(fd), peer ? Caller{peer->uid} : Caller{}));
    if (!allowed) clients_.back()->turn_away();
  }
}

bool ControlServer::hang_up_on_one() {
  if (!spare_.is_open()) return false;
  spare_ = UniqueFd();
  const bool taken = UniqueFd(accept4(fd_.raw(), nullptr, nullptr, SOCK_CLOEXEC)).is_open();
  spare_ = spare_descriptor();
  return taken;
}

void ControlServer::remove_closed() {
  clients_.remove_if([](const std::unique_ptr<Client>& client) { return client->is_closed(); });
}

}  // namespace tierwall::daemon

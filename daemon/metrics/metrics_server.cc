#include "daemon/metrics/metrics_server.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "systemd/unique_fd.h"

namespace tierwall::daemon {

namespace {

constexpr const char* kMetricsPath = "/metrics";
constexpr const char* kExpositionFormat = "text/plain; version=0.0.4; charset=utf-8";
constexpr int kBacklog = 16;

struct FreeResponse {
  void operator()(MHD_Response* response) const { MHD_destroy_response(response); }
};

MHD_Result answer(MHD_Connection* client, unsigned status, std::string_view text, const char* type) {
  // libmicrohttpd copies the text and does not change it; its type says otherwise for the modes in which it frees it.
  const std::unique_ptr<MHD_Response, FreeResponse> response(
      MHD_create_response_from_buffer(text.size(), const_cast<char*>(text.data()), MHD_RESPMEM_MUST_COPY));
  if (!response) return MHD_NO;
  MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONTENT_TYPE, type);
  MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONNECTION, "close");
  if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
    MHD_add_response_header(response.get(), MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  return MHD_queue_response(client, status, response.get());
}

/// No exception may cross the library's frames.
MHD_Result on_request(void* server, MHD_Connection* client, const char* url, const char* method,
                      const char* /*version*/, const char* /*body*/, std::size_t* /*body_size*/,
                      void** /*of_request*/) noexcept {
  constexpr const char* kPlain = "text/plain; charset=utf-8";
  const bool reads =
      std::string_view(method) == MHD_HTTP_METHOD_GET || std::string_view(method) == MHD_HTTP_METHOD_HEAD;
  if (!reads) return answer(client, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n", kPlain);
  if (std::string_view(url) != kMetricsPath)
    return answer(client, MHD_HTTP_NOT_FOUND, "metrics are at /metrics\n", kPlain);
  try {
    return answer(client, MHD_HTTP_OK, static_cast<MetricsServer*>(server)->text(), kExpositionFormat);
  } catch (const std::exception&) {
    return answer(client, MHD_HTTP_INTERNAL_SERVER_ERROR, "no metrics\n", kPlain);
  }
}

struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

SocketAddress to_socket_address(const MetricsPlace& place) {
  SocketAddress address;
  if (place.address.family == policy::Family::V4) {
    sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(place.port), .sin_addr = {}, .sin_zero = {}};
    std::memcpy(&v4.sin_addr, place.address.bytes.data(), sizeof v4.sin_addr);
    std::memcpy(&address.bytes, &v4, address.size = sizeof v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(place.port);
    std::memcpy(&v6.sin6_addr, place.address.bytes.data(), sizeof v6.sin6_addr);
    std::memcpy(&address.bytes, &v6, address.size = sizeof v6);
  }
  return address;
}

Error listen_error(const MetricsPlace& place) {
  return {errno == EADDRINUSE ? ErrorKind::Conflict : ErrorKind::Unavailable,
          fmt::format("metrics.listen {}: {}", print_place(place), std::strerror(errno)), errno};
}

/// IPv4 and IPv6 places are apart: [::] is IPv6 only.
Result<systemd::UniqueFd> listen_at(const MetricsPlace& place) {
  const SocketAddress address = to_socket_address(place);
  systemd::UniqueFd fd(socket(address.bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.raw() < 0) return listen_error(place);
  const int on = 1;
  setsockopt(fd.raw(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (place.address.family == policy::Family::V6) setsockopt(fd.raw(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(fd.raw(), reinterpret_cast<const sockaddr*>(&address.bytes), address.size) < 0) return listen_error(place);
  if (listen(fd.raw(), kBacklog) < 0) return listen_error(place);
  return fd;
}

std::uint16_t port_of(int fd) {
  sockaddr_storage bytes{};
  socklen_t size = sizeof bytes;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bytes), &size) < 0) return 0;
  return ntohs(bytes.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in*>(&bytes)->sin_port
                                          : reinterpret_cast<const sockaddr_in6*>(&bytes)->sin6_port);
}

}  // namespace

void MetricsServer::Stop::operator()(MHD_Daemon* server) const {
  MHD_stop_daemon(server);
}

MetricsServer::MetricsServer(systemd::EventLoop& loop, const Clock& clock, std::function<std::string()> text,
                             std::function<void()> on_listening)
    : loop_(loop),
      clock_(clock),
      make_text_(std::move(text)),
      on_listening_(std::move(on_listening)),
      timer_(loop, systemd::Priority::Reconcile, [this] { server_ ? run() : start_again(); }) {}

MetricsServer::~MetricsServer() = default;

const std::string& MetricsServer::text() {
  const std::chrono::microseconds now = clock_.monotonic();
  if (!made_at_ || now - *made_at_ >= kFresh) {
    text_ = make_text_();
    made_at_ = now;
  }
  return text_;
}

void MetricsServer::serve(const std::optional<MetricsPlace>& place) {
  if (place == place_) return;
  stop();
  place_ = place;
  if (place_) start();
}

void MetricsServer::stop() {
  timer_.stop();
  ready_.reset();
  server_.reset();
  port_ = 0;
  failure_.reset();
}

void MetricsServer::start_again() {
  start();
  if (!failure_) on_listening_();
}

void MetricsServer::start() {
  Result<systemd::UniqueFd> fd = listen_at(*place_);
  if (!fd) {
    failure_ = fd.error().message;
    return timer_.start(kRetry);
  }
  const std::uint16_t port = port_of(fd->raw());
  server_.reset(MHD_start_daemon(MHD_USE_EPOLL, 0, nullptr, nullptr, on_request, this, MHD_OPTION_LISTEN_SOCKET,
                                 fd->raw(), MHD_OPTION_CONNECTION_LIMIT, kMaxClients, MHD_OPTION_CONNECTION_TIMEOUT,
                                 static_cast<unsigned>(kClientTimeout.count()), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                 kMaxRequestBytes, MHD_OPTION_END));
  // The library owns the descriptor once it has started.
  if (server_) static_cast<void>(fd->release());
  const MHD_DaemonInfo* info = server_ ? MHD_get_daemon_info(server_.get(), MHD_DAEMON_INFO_EPOLL_FD) : nullptr;
  if (info == nullptr) {
    server_.reset();
    failure_ = fmt::format("metrics.listen {}: no server can be started", print_place(*place_));
    return timer_.start(kRetry);
  }
  failure_.reset();
  port_ = port;
  ready_ = std::make_unique<systemd::IoWatch>(loop_, info->epoll_fd, EPOLLIN, systemd::Priority::Reconcile,
                                              [this](std::uint32_t) { run(); });
}

void MetricsServer::run() {
  MHD_run(server_.get());
  // With as many clients as it may have it listens no more; that some have gone it sees in one run, and listens again
  // in the next, for which nothing would wake us (libmicrohttpd 0.9.75).
  MHD_run(server_.get());
  MHD_UNSIGNED_LONG_LONG milliseconds = 0;
  if (MHD_get_timeout(server_.get(), &milliseconds) == MHD_YES) {
    timer_.start(std::chrono::milliseconds(milliseconds));
  } else {
    timer_.stop();
  }
}

}  // namespace tierwall::daemon

#include "tests/fake_api/fake_api_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

namespace tierwall::fake_api {

namespace {

constexpr int kBacklog = 128;

void require(bool worked, const char* what) {
  if (!worked) throw std::system_error(errno, std::generic_category(), what);
}

struct Place {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  [[nodiscard]] sockaddr* address() { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] bool is_ipv6() const { return storage.ss_family == AF_INET6; }
  /// Of both families at the same offset.
  [[nodiscard]] std::uint16_t port() const { return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port); }
  [[nodiscard]] std::string host() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* bytes = is_ipv6()
                            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr)
                            : &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr;
    inet_ntop(storage.ss_family, bytes, text.data(), static_cast<socklen_t>(text.size()));
    return is_ipv6() ? "[" + std::string(text.data()) + "]" : text.data();
  }
};

Place parse_place(const std::string& address, std::uint16_t port) {
  Place place;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&place.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&place.storage);
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    place.size = sizeof(sockaddr_in);
  } else if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    place.size = sizeof(sockaddr_in6);
  } else {
    throw std::invalid_argument("no address: " + address);
  }
  return place;
}

Place place_of(const lab::UniqueFd& socket) {
  Place place;
  require(getsockname(socket.number(), place.address(), &place.size) == 0, "getsockname");
  return place;
}

lab::UniqueFd bind_to(Place place) {
  lab::UniqueFd bound(socket(place.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  require(static_cast<bool>(bound), "socket");
  const int on = 1;
  setsockopt(bound.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  require(bind(bound.number(), place.address(), place.size) == 0, "bind");
  return bound;
}

}  // namespace

lab::UniqueFd FakeApiServer::listen_on(const std::string& address, std::uint16_t port) {
  lab::UniqueFd bound = bind_to(parse_place(address, port));
  if (port != 0) return bound;
  // A port the kernel chose is given back when the socket stops listening; one that was asked for stays. So the free
  // port is asked for, by a second socket, while the first still holds it.
  return bind_to(parse_place(address, place_of(bound).port()));
}

FakeApiServer::FakeApiServer(lab::UniqueFd listener, TlsIdentity identity)
    : listener_(std::move(listener)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), identity_(std::move(identity)) {
  const Place place = place_of(listener_);
  address_ = place.host();
  port_ = place.port();
  require(listen(listener_.number(), kBacklog) == 0, "listen");
  store_.on_change([this] { wake_connections(); });
  script_.on_change([this] { wake_connections(); });
  acceptor_ = std::thread([this] { accept_connections(); });
}

FakeApiServer::~FakeApiServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  eventfd_write(wake_.number(), 1);
  acceptor_.join();
  store_.on_change(nullptr);
  script_.on_change(nullptr);
  cut_connections(Cut::Reset);
  for (Served& served : served_) served.thread.join();
}

std::string FakeApiServer::url() const {
  return "https://" + address_ + ":" + std::to_string(port_);
}

void FakeApiServer::accept_connections() {
  while (true) {
    bool refusing = false;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      refusing = refusing_;
    }
    std::array<pollfd, 2> ready{pollfd{wake_.number(), POLLIN, 0}, pollfd{listener_.number(), POLLIN, 0}};
    poll(ready.data(), refusing ? 1 : 2, -1);
    eventfd_t ignored = 0;
    eventfd_read(wake_.number(), &ignored);
    if ((ready[1].revents & POLLIN) != 0) accept_one();
  }
}

void FakeApiServer::accept_one() {
  // Under the lock, so that refuse_connections() never leaves one half accepted.
  const std::lock_guard lock(mutex_);
  if (refusing_ || stopping_) return;
  pollfd pending{listener_.number(), POLLIN, 0};
  if (poll(&pending, 1, 0) != 1 || (pending.revents & POLLIN) == 0) return;
  lab::UniqueFd socket(accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) return;
  forget_ended();
  const Front front{.store = &store_, .script = &script_, .connection = ++accepted_};
  Served& served = served_.emplace_back();
  served.connection = std::make_unique<Connection>(std::move(socket), identity_, front);
  served.thread = std::thread([connection = served.connection.get()] { connection->serve(); });
  script_.poke();
}

void FakeApiServer::forget_ended() {
  for (auto served = served_.begin(); served != served_.end();) {
    if (!served->connection->ended()) {
      ++served;
      continue;
    }
    served->thread.join();
    served = served_.erase(served);
  }
}

void FakeApiServer::wake_connections() {
  const std::lock_guard lock(mutex_);
  for (const Served& served : served_) served.connection->wake();
  script_.poke();
}

void FakeApiServer::cut_connections(Cut how) {
  const std::lock_guard lock(mutex_);
  for (const Served& served : served_) served.connection->cut(how);
}

void FakeApiServer::go_away() {
  const std::lock_guard lock(mutex_);
  for (const Served& served : served_) served.connection->go_away();
}

void FakeApiServer::refuse_connections(bool refuse) {
  {
    const std::lock_guard lock(mutex_);
    if (refusing_ == refuse) return;
    refusing_ = refuse;
    // Shutting a listening socket down turns it into a bound one; listening again revives it, port and all.
    if (refuse) {
      require(shutdown(listener_.number(), SHUT_RD) == 0, "shutdown of the listener");
    } else {
      require(listen(listener_.number(), kBacklog) == 0, "listen again");
    }
  }
  eventfd_write(wake_.number(), 1);
}

void FakeApiServer::replace_certificate(const CertifiedKey& server) {
  const std::lock_guard lock(mutex_);
  identity_.server = server;
}

std::size_t FakeApiServer::open_connections() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(served_, [](const Served& served) { return !served.connection->ended(); }));
}

std::uint64_t FakeApiServer::accepted_connections() const {
  const std::lock_guard lock(mutex_);
  return accepted_;
}

}  // namespace tierwall::fake_api

#pragma once
// The control socket: a Unix stream socket on which a few local callers ask questions. Everything about a caller is
// bounded (how many there are, how much they may say, how long they may take), and nothing here ever waits for one.
// Lives on the loop's thread.

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>

#include "daemon/control/varlink.h"
#include "policy/result.h"
#include "systemd/event_loop.h"
#include "systemd/unique_fd.h"

namespace tierwall::daemon {

/// Members of it may ask; root and the daemon's own user always may.
inline constexpr const char* kControlGroup = "tierwall";

class ControlServer {
 public:
  static constexpr std::size_t kMaxClients = 64;
  static constexpr std::size_t kMaxRequestBytes = 64u << 10;
  /// Of those who may change something: whole manifests.
  static constexpr std::size_t kMaxChangeBytes = 8u << 20;
  static constexpr std::size_t kMaxReplyBytes = 64u << 20;
  /// For sending one whole request, and for taking one whole reply.
  static constexpr std::chrono::seconds kExchangeTimeout{10};
  /// Between two requests.
  static constexpr std::chrono::seconds kIdleTimeout{60};

  ControlServer(systemd::EventLoop& loop, VarlinkService service);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// Listens at `path`, which it replaces if a dead socket is there. Conflict: another process answers there.
  Result<void> listen(const std::string& path);

  [[nodiscard]] std::size_t client_count() const { return clients_.size(); }
  /// Absent if the group does not exist: then only root may ask.
  [[nodiscard]] const std::optional<gid_t>& group() const { return group_; }

 private:
  class Client;

  void accept_clients();
  /// Out of descriptors: takes one caller by giving up the spare one, and hangs up. False if there is no spare.
  bool hang_up_on_one();
  void remove_closed();

  systemd::EventLoop& loop_;
  VarlinkService service_;
  std::optional<gid_t> group_;
  std::string path_;  // what this process bound, and removes at the end
  systemd::UniqueFd fd_;
  /// Held for the moment in which there is none left: a caller that cannot be accepted keeps the socket readable, and
  /// the loop would ask again without end.
  systemd::UniqueFd spare_;
  std::list<std::unique_ptr<Client>> clients_;
  systemd::Deferred sweep_;
  std::unique_ptr<systemd::IoWatch> incoming_;
};

}  // namespace tierwall::daemon

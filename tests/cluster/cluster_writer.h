#pragma once
// Writes to an API server, which the product never does: as whom the kubeconfig says, one request at a time.

#include <optional>
#include <string>

#include "daemon/clock.h"
#include "daemon/sources/kubernetes/credentials.h"
#include "daemon/sources/kubernetes/kubeconfig.h"
#include "systemd/event_loop.h"

namespace tierwall::cluster {

struct Reply {
  int status = 0;
  std::string body = {};
};

class ClusterWriter {
 public:
  /// Borrows the loop, which is turned while a plugin brings credentials.
  ClusterWriter(systemd::EventLoop& loop, const daemon::Clock& clock, daemon::ServerAccess access);

  Result<Reply> create(const std::string& collection, const std::string& object);
  Result<Reply> merge(const std::string& path, const std::string& patch);
  Result<Reply> remove(const std::string& path);

 private:
  struct Write {
    const char* method = "";
    std::string path = {};
    std::string content_type = {};
    std::string body = {};
  };
  Result<Reply> send(const Write& write);
  Result<daemon::RequestCredentials> who();

  systemd::EventLoop& loop_;
  daemon::ServerAccess access_;
  std::optional<Result<daemon::RequestCredentials>> brought_;
  daemon::Credentials credentials_;
};

}  // namespace tierwall::cluster

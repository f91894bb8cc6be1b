#pragma once
// A Kubernetes API server for tests: real TCP, real TLS, HTTP/2 by ALPN or HTTP/1.1, on threads of its own. What it
// holds is store(), what it does wrong and what it has seen is script(); both may be used from the test's thread at any
// time. Faithful to kube-apiserver 1.36 as far as a client that lists and watches can tell: the meaning of
// resourceVersion, paging, bookmarks, streamed lists, compaction, discovery, Status objects, and the difference between
// a 404 of the server (text) and of a resource (Status). Writes are as many as its tests need: create, merge
// patch and delete, without admission and finalizers.
//
//   CertificateAuthority ca;
//   FakeApiServer server(FakeApiServer::listen_on("127.0.0.1"), {.server = ca.issue_server()});
//   server.script().accept_token("secret");
//   server.store().put_manifest("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}");
//   ... GET server.url() + "/api/v1/namespaces"

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "tests/fake_api/connection.h"
#include "tests/fake_api/object_store.h"
#include "tests/fake_api/script.h"
#include "tests/fake_api/test_pki.h"
#include "tests/lab/unique_fd.h"

namespace tierwall::fake_api {

class FakeApiServer {
 public:
  /// A TCP socket bound to that address in the network namespace of the calling thread; port 0: any free one. Throws
  /// std::system_error.
  static lab::UniqueFd listen_on(const std::string& address, std::uint16_t port = 0);

  /// `listener`: bound to an explicit port, as listen_on() does, or refuse_connections() may lose the port.
  FakeApiServer(lab::UniqueFd listener, TlsIdentity identity);
  FakeApiServer(const FakeApiServer&) = delete;
  FakeApiServer& operator=(const FakeApiServer&) = delete;
  /// Cuts what is open and waits for all threads.
  ~FakeApiServer();

  ObjectStore& store() { return store_; }
  Script& script() { return script_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const;  ///< "https://127.0.0.1:40321"

  /// Every open connection ends now, wherever its streams are. New ones are welcome.
  void cut_connections(Cut how);
  /// HTTP/2: GOAWAY, requests under way go on. HTTP/1.1: the connection closes after its present answer.
  void go_away();
  /// True: connecting is refused by the kernel (RST) until it is set to false. Open connections go on.
  void refuse_connections(bool refuse);
  /// For new connections.
  void replace_certificate(const CertifiedKey& server);

  [[nodiscard]] std::size_t open_connections() const;
  [[nodiscard]] std::uint64_t accepted_connections() const;  ///< since the start

 private:
  struct Served {
    std::unique_ptr<Connection> connection;
    std::thread thread;
  };

  void accept_connections();
  void accept_one();
  void forget_ended();
  void wake_connections();

  Script script_;
  ObjectStore store_;
  lab::UniqueFd listener_;
  lab::UniqueFd wake_;
  std::string address_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  TlsIdentity identity_;
  std::list<Served> served_;
  std::uint64_t accepted_ = 0;
  bool refusing_ = false;
  bool stopping_ = false;
  std::thread acceptor_;
};

}  // namespace tierwall::fake_api

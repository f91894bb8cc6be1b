#pragma once
// One accepted TCP connection under TLS, without blocking once the handshake is done. Client certificates are asked
// for, never required, and never refused here: as with the real server, a bad one is a matter of authentication (401).

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <openssl/types.h>

#include "tests/fake_api/answer.h"
#include "tests/fake_api/api_request.h"
#include "tests/fake_api/test_pki.h"
#include "tests/lab/unique_fd.h"

namespace tierwall::fake_api {

struct TlsIdentity {
  CertifiedKey server{};
  std::string client_ca{};  ///< PEM; empty: client certificates are not asked for
};

class TlsSocket {
 public:
  /// Throws std::runtime_error if the identity is no certificate with its key.
  TlsSocket(lab::UniqueFd socket, const TlsIdentity& identity, bool http2);
  ~TlsSocket();
  TlsSocket(const TlsSocket&) = delete;
  TlsSocket& operator=(const TlsSocket&) = delete;

  [[nodiscard]] int fd() const { return socket_.number(); }

  enum class Progress { Done, WantsRead, WantsWrite, Failed };
  Progress handshake();
  /// "h2", "http/1.1" or "" if the client did not say. Post: the handshake is done.
  [[nodiscard]] std::string protocol() const;
  [[nodiscard]] ClientCertificate client_certificate() const;

  /// What has arrived by now; absent: the peer has closed, or the connection is broken.
  std::optional<std::string> read();
  /// How many of the bytes went out; absent: the connection is broken. Bytes that did not go out must come first again,
  /// and no fewer than blocked_write() of them.
  std::optional<std::size_t> write(std::string_view bytes);
  [[nodiscard]] std::size_t blocked_write() const { return blocked_write_; }  ///< 0: the socket takes more

  /// With TLS's goodbye.
  void close_politely();
  void cut(Cut how);

 private:
  lab::UniqueFd socket_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
  std::size_t blocked_write_ = 0;
};

}  // namespace tierwall::fake_api

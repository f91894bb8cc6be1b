#pragma once
// An API server's network side in a few lines: HTTP/1.1 over TLS on threads of its own, with certificates made on the
// spot. What it answers is up to the test.

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <openssl/ssl.h>

namespace tierwall::test {

struct FreeOpenssl {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* connection) const { SSL_free(connection); }
};

/// A certificate with its key, both as PEM text.
struct Identity {
  std::string certificate;
  std::string key;
};

struct CertificateWish {
  std::string common_name = "tiny";
  std::string alternative_names = "IP:127.0.0.1";  ///< in OpenSSL's writing
  std::chrono::seconds valid_for{3600};            ///< negative: expired since then
};

class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& name);

  [[nodiscard]] const std::string& certificate() const { return pem_; }
  [[nodiscard]] Identity issue(const CertificateWish& wish = {}) const;

 private:
  std::unique_ptr<EVP_PKEY, FreeOpenssl> key_;
  std::unique_ptr<X509, FreeOpenssl> certificate_;
  std::string pem_;
};

struct TinyRequest {
  std::string line;                            ///< "GET /api HTTP/1.1"
  std::map<std::string, std::string> headers;  ///< by lower-case name; repeated ones joined by ", "
  std::string client;                          ///< the common name in the client's certificate
  std::string server_name;                     ///< what the client asked for in the TLS handshake
};

/// The server's end of one connection, while a test answers on it.
class TinyConnection {
 public:
  explicit TinyConnection(SSL* tls) : tls_(tls) {}

  void send(std::string_view bytes);
  /// A whole answer with its length.
  void answer(int status, std::string_view body, std::string_view more_headers = {});
  /// Ends the TCP connection in the middle, without a farewell.
  void cut() { cut_ = true; }
  /// Says nothing until the client goes away.
  void stay_silent();
  [[nodiscard]] bool is_cut() const { return cut_; }

 private:
  SSL* tls_;
  bool cut_ = false;
};

class TinyHttpsServer {
 public:
  /// Runs on the connection's own thread.
  using Answer = std::function<void(const TinyRequest&, TinyConnection&)>;

  /// `client_ca`: PEM; clients must show a certificate of this authority if it is not empty.
  TinyHttpsServer(const Identity& identity, Answer answer, const std::string& client_ca = {});
  ~TinyHttpsServer();
  TinyHttpsServer(const TinyHttpsServer&) = delete;
  TinyHttpsServer& operator=(const TinyHttpsServer&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::vector<TinyRequest> requests() const;
  [[nodiscard]] std::size_t connections() const;

 private:
  void accept_all();
  void serve(int socket);
  void serve_requests(SSL* tls);

  Answer answer_;
  std::unique_ptr<SSL_CTX, FreeOpenssl> context_;
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  bool closing_ = false;
  std::vector<int> sockets_;  ///< of connections that are served; closed by their threads
  std::size_t connections_ = 0;
  std::vector<TinyRequest> requests_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace tierwall::test

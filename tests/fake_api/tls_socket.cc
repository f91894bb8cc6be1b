#include "tests/fake_api/tls_socket.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

namespace tierwall::fake_api {

namespace {

constexpr std::size_t kReadAtOnce = 16 * 1024;
constexpr unsigned char kHttp2[] = "\x02h2\x08http/1.1";
constexpr unsigned char kHttp1[] = "\x08http/1.1";

using Memory = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Memory memory_of(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}

Certificate certificate_of(const std::string& pem) {
  return {PEM_read_bio_X509(memory_of(pem).get(), nullptr, nullptr, nullptr), X509_free};
}

std::string pem_of(X509* certificate) {
  const Memory memory(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509(memory.get(), certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(std::max(size, 0L))};
}

int choose_protocol(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void* http2) {
  const auto* ours = http2 != nullptr ? kHttp2 : kHttp1;
  const auto ours_size = static_cast<unsigned>((http2 != nullptr ? sizeof kHttp2 : sizeof kHttp1) - 1);
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, size, ours, ours_size, offered, offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

/// Whatever the client shows is taken; what it is worth is asked later.
int accept_any(int /*verified*/, X509_STORE_CTX* /*context*/) {
  return 1;
}

void use_client_ca(SSL_CTX* context, const std::string& client_ca) {
  if (client_ca.empty()) return;
  const Certificate ca = certificate_of(client_ca);
  if (ca == nullptr) throw std::runtime_error("fake API server: bad client CA");
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.get());
  SSL_CTX_add_client_CA(context, ca.get());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any);
}

std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> make_context(const TlsIdentity& identity, bool http2) {
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  const Certificate certificate = certificate_of(identity.server.certificate);
  const Key key(PEM_read_bio_PrivateKey(memory_of(identity.server.key).get(), nullptr, nullptr, nullptr),
                EVP_PKEY_free);
  if (certificate == nullptr || key == nullptr || SSL_CTX_use_certificate(context.get(), certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) {
    throw std::runtime_error("fake API server: bad server certificate or key");
  }
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // No resumption: each connection must meet the certificate of its time.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, http2 ? context.get() : nullptr);
  use_client_ca(context.get(), identity.client_ca);
  return context;
}

}  // namespace

TlsSocket::TlsSocket(lab::UniqueFd socket, const TlsIdentity& identity, bool http2)
    : socket_(std::move(socket)), context_(make_context(identity, http2)), ssl_(SSL_new(context_.get()), SSL_free) {
  const int on = 1;
  setsockopt(fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  SSL_set_fd(ssl_.get(), fd());
}

TlsSocket::~TlsSocket() = default;

TlsSocket::Progress TlsSocket::handshake() {
  ERR_clear_error();
  const int outcome = SSL_accept(ssl_.get());
  if (outcome == 1) return Progress::Done;
  switch (SSL_get_error(ssl_.get(), outcome)) {
    case SSL_ERROR_WANT_READ:
      return Progress::WantsRead;
    case SSL_ERROR_WANT_WRITE:
      return Progress::WantsWrite;
    default:
      return Progress::Failed;
  }
}

std::string TlsSocket::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

ClientCertificate TlsSocket::client_certificate() const {
  const Certificate certificate(SSL_get1_peer_certificate(ssl_.get()), X509_free);
  if (certificate == nullptr) return {};
  std::array<char, 256> name{};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name.data(),
                                             static_cast<int>(name.size()));
  return {.presented = true,
          .verified = SSL_get_verify_result(ssl_.get()) == X509_V_OK,
          .user = std::string(name.data(), static_cast<std::size_t>(std::max(size, 0))),
          .pem = pem_of(certificate.get())};
}

std::optional<std::string> TlsSocket::read() {
  std::string arrived;
  std::array<char, kReadAtOnce> buffer{};
  while (true) {
    ERR_clear_error();
    const int size = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (size > 0) {
      arrived.append(buffer.data(), static_cast<std::size_t>(size));
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), size);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE || !arrived.empty()) return arrived;
    return std::nullopt;
  }
}

std::optional<std::size_t> TlsSocket::write(std::string_view bytes) {
  ERR_clear_error();
  const int size = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
  if (size > 0) {
    blocked_write_ = 0;
    return static_cast<std::size_t>(size);
  }
  const int error = SSL_get_error(ssl_.get(), size);
  if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ) return std::nullopt;
  blocked_write_ = bytes.size();
  return 0;
}

void TlsSocket::close_politely() {
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  cut(Cut::Fin);
}

void TlsSocket::cut(Cut how) {
  if (how == Cut::Reset) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  } else {
    // Closing a socket with unread bytes would be an RST.
    shutdown(fd(), SHUT_WR);
    std::array<char, kReadAtOnce> ignored{};
    while (recv(fd(), ignored.data(), ignored.size(), MSG_DONTWAIT) > 0) {
    }
  }
  socket_ = lab::UniqueFd();
}

}  // namespace tierwall::fake_api

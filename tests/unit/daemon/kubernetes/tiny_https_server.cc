#include "tests/unit/daemon/kubernetes/tiny_https_server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <csignal>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace tierwall::test {

namespace {

void require(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
}

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Memory = std::unique_ptr<BIO, FreeBio>;

std::string content_of(const Memory& memory) {
  char* text = nullptr;
  const long length = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

std::string to_pem(X509* certificate) {
  const Memory memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(memory.get(), certificate);
  return content_of(memory);
}

std::string to_pem(EVP_PKEY* key) {
  const Memory memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return content_of(memory);
}

std::unique_ptr<X509, FreeOpenssl> certificate_from(const std::string& pem) {
  const Memory memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return std::unique_ptr<X509, FreeOpenssl>(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
}

void add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  require(extension != nullptr, "bad certificate extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

/// Unsigned; valid from two hours before its end or from now, whichever is earlier.
std::unique_ptr<X509, FreeOpenssl> draft(const std::string& name, EVP_PKEY* key, std::chrono::seconds valid_for) {
  static std::atomic<long> serial = 1;
  std::unique_ptr<X509, FreeOpenssl> certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), std::min<long>(0, valid_for.count()) - 7200);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), valid_for.count());
  X509_set_pubkey(certificate.get(), key);
  const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8, text, -1, -1, 0);
  return certificate;
}

std::string common_name_of(SSL* tls) {
  const std::unique_ptr<X509, FreeOpenssl> certificate(SSL_get1_peer_certificate(tls));
  if (!certificate) return {};
  std::array<char, 256> name{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name.data(),
                            static_cast<int>(name.size()));
  return name.data();
}

TinyRequest parse(const std::string& head) {
  TinyRequest request;
  std::size_t at = head.find("\r\n");
  request.line = head.substr(0, at);
  while (at + 2 < head.size()) {
    const std::size_t start = at + 2;
    at = head.find("\r\n", start);
    const std::string line = head.substr(start, at - start);
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) break;
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    std::string& value = request.headers[name];
    value += (value.empty() ? "" : ", ") + line.substr(colon + 2);
  }
  return request;
}

/// A client that goes away is no reason to die; only on this thread, because the program under test has its own rules.
void block_broken_pipe_signal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

CertificateAuthority::CertificateAuthority(const std::string& name)
    : key_(EVP_EC_gen("P-256")), certificate_(draft(name, key_.get(), std::chrono::hours(24))) {
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
  add_extension(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate_.get(), certificate_.get(), NID_key_usage, "critical,keyCertSign");
  require(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0, "cannot sign an authority");
  pem_ = to_pem(certificate_.get());
}

Identity CertificateAuthority::issue(const CertificateWish& wish) const {
  const std::unique_ptr<EVP_PKEY, FreeOpenssl> key(EVP_EC_gen("P-256"));
  const auto certificate = draft(wish.common_name, key.get(), wish.valid_for);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
  add_extension(certificate.get(), certificate_.get(), NID_subject_alt_name, wish.alternative_names);
  add_extension(certificate.get(), certificate_.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  require(X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0, "cannot sign a certificate");
  return {.certificate = to_pem(certificate.get()), .key = to_pem(key.get())};
}

void TinyConnection::send(std::string_view bytes) {
  if (SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size())) <= 0) cut_ = true;
}

void TinyConnection::answer(int status, std::string_view body, std::string_view more_headers) {
  send(fmt::format("HTTP/1.1 {} Said\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{}", status,
                   body.size(), more_headers, body));
}

void TinyConnection::stay_silent() {
  char byte = 0;
  while (SSL_read(tls_, &byte, 1) > 0) {
  }
  cut_ = true;
}

TinyHttpsServer::TinyHttpsServer(const Identity& identity, Answer answer, const std::string& client_ca)
    : answer_(std::move(answer)), context_(SSL_CTX_new(TLS_server_method())) {
  const auto certificate = certificate_from(identity.certificate);
  const Memory key_text(BIO_new_mem_buf(identity.key.data(), static_cast<int>(identity.key.size())));
  const std::unique_ptr<EVP_PKEY, FreeOpenssl> key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
  require(SSL_CTX_use_certificate(context_.get(), certificate.get()) == 1, "cannot use the certificate");
  require(SSL_CTX_use_PrivateKey(context_.get(), key.get()) == 1, "cannot use the key");
  SSL_CTX_set_session_id_context(context_.get(), reinterpret_cast<const unsigned char*>("tiny"), 4);
  if (!client_ca.empty()) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), certificate_from(client_ca).get());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  require(bind(listener_, generic, length) == 0 && listen(listener_, 16) == 0, "cannot listen");
  getsockname(listener_, generic, &length);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

TinyHttpsServer::~TinyHttpsServer() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    for (const int socket : sockets_) shutdown(socket, SHUT_RDWR);
  }
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  close(listener_);
}

std::string TinyHttpsServer::url() const {
  return fmt::format("https://127.0.0.1:{}", port_);
}

std::vector<TinyRequest> TinyHttpsServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::size_t TinyHttpsServer::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_;
}

void TinyHttpsServer::accept_all() {
  for (;;) {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    const std::lock_guard lock(mutex_);
    if (closing_) {
      close(socket);
      return;
    }
    sockets_.push_back(socket);
    ++connections_;
    threads_.emplace_back([this, socket] { serve(socket); });
  }
}

void TinyHttpsServer::serve(int socket) {
  block_broken_pipe_signal();
  {
    const std::unique_ptr<SSL, FreeOpenssl> tls(SSL_new(context_.get()));
    SSL_set_fd(tls.get(), socket);
    if (SSL_accept(tls.get()) == 1) serve_requests(tls.get());
  }
  const std::lock_guard lock(mutex_);
  sockets_.erase(std::find(sockets_.begin(), sockets_.end(), socket));
  close(socket);
}

void TinyHttpsServer::serve_requests(SSL* tls) {
  TinyConnection connection(tls);
  std::string head;
  std::array<char, 4096> buffer{};
  while (!connection.is_cut()) {
    const int length = SSL_read(tls, buffer.data(), static_cast<int>(buffer.size()));
    if (length <= 0) return;
    head.append(buffer.data(), static_cast<std::size_t>(length));
    if (!head.ends_with("\r\n\r\n")) continue;
    TinyRequest request = parse(std::exchange(head, {}));
    request.client = common_name_of(tls);
    const char* name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
    if (name != nullptr) request.server_name = name;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    answer_(request, connection);
  }
}

}  // namespace tierwall::test

#include "tests/fake_api/test_pki.h"

#include <array>
#include <ctime>
#include <stdexcept>
#include <utility>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

namespace tierwall::fake_api {

namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using Memory = std::unique_ptr<BIO, Freed<BIO_free>>;

void require(bool worked, const char* what) {
  if (!worked) throw std::runtime_error(std::string("test certificates: ") + what);
}

Key make_key() {
  Key key(EVP_EC_gen("P-256"));
  require(key != nullptr, "no key");
  return key;
}

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  const Memory memory(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509(memory.get(), certificate) == 1, "certificate to PEM");
  return text_of(memory.get());
}

std::string pem_of(EVP_PKEY* key) {
  const Memory memory(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_PKCS8PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1, "key to PEM");
  return text_of(memory.get());
}

void add_name(X509_NAME* name, const char* field, const std::string& value) {
  const std::vector<unsigned char> bytes(value.begin(), value.end());
  require(
      X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, bytes.data(), static_cast<int>(bytes.size()), -1, 0) == 1,
      "name");
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1, value.c_str());
}

void set_serial(X509* certificate) {
  std::array<unsigned char, 8> bytes{};
  require(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1, "random serial");
  std::uint64_t serial = 0;
  for (const unsigned char byte : bytes) serial = serial << 8 | byte;
  require(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1, "serial");
}

void set_validity(X509* certificate, const Validity& validity) {
  const std::time_t from = std::chrono::system_clock::to_time_t(validity.from);
  const std::time_t to = std::chrono::system_clock::to_time_t(validity.to);
  require(ASN1_TIME_set(X509_getm_notBefore(certificate), from) != nullptr, "not before");
  require(ASN1_TIME_set(X509_getm_notAfter(certificate), to) != nullptr, "not after");
}

Certificate blank_certificate(EVP_PKEY* key, const Validity& validity) {
  Certificate certificate(X509_new());
  require(certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1, "certificate");
  set_serial(certificate.get());
  set_validity(certificate.get(), validity);
  require(X509_set_pubkey(certificate.get(), key) == 1, "public key");
  return certificate;
}

std::string alternative_names(const ServerNames& names) {
  std::string text;
  for (const std::string& name : names.dns) text += (text.empty() ? "DNS:" : ",DNS:") + name;
  for (const std::string& address : names.addresses) text += (text.empty() ? "IP:" : ",IP:") + address;
  return text;
}

}  // namespace

struct CertificateAuthority::Parts {
  Key key;
  Certificate certificate;
};

struct CertificateAuthority::Subject {
  std::string common_name;
  std::vector<std::string> organizations;
  std::string usage;              ///< extended key usage
  std::string alternative_names;  ///< empty: none
};

Validity Validity::expired() {
  const auto now = std::chrono::system_clock::now();
  return {.from = now - std::chrono::hours(48), .to = now - std::chrono::hours(24)};
}

Validity Validity::not_yet() {
  const auto now = std::chrono::system_clock::now();
  return {.from = now + std::chrono::hours(24), .to = now + std::chrono::hours(48)};
}

CertificateAuthority::CertificateAuthority(const std::string& name) : parts_(std::make_unique<Parts>()) {
  parts_->key = make_key();
  // Older than anything it signs, expired certificates included: only what a test asks for may be wrong with a chain.
  const auto now = std::chrono::system_clock::now();
  parts_->certificate = blank_certificate(
      parts_->key.get(), {.from = now - std::chrono::hours(24 * 365), .to = now + std::chrono::hours(24 * 365)});
  X509* certificate = parts_->certificate.get();
  add_name(X509_get_subject_name(certificate), "CN", name);
  require(X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1, "issuer");
  add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(certificate, certificate, NID_subject_key_identifier, "hash");
  require(X509_sign(certificate, parts_->key.get(), EVP_sha256()) != 0, "signature");
  certificate_pem_ = pem_of(certificate);
}

CertificateAuthority::~CertificateAuthority() = default;

CertifiedKey CertificateAuthority::issue_server(const ServerNames& names, const Validity& validity) const {
  return issue({.common_name = "kube-apiserver",
                .organizations = {},
                .usage = "serverAuth",
                .alternative_names = alternative_names(names)},
               validity);
}

CertifiedKey CertificateAuthority::issue_client(const std::string& user, const std::vector<std::string>& groups,
                                                const Validity& validity) const {
  return issue({.common_name = user, .organizations = groups, .usage = "clientAuth", .alternative_names = {}},
               validity);
}

CertifiedKey CertificateAuthority::issue(const Subject& subject, const Validity& validity) const {
  const Key key = make_key();
  const Certificate certificate = blank_certificate(key.get(), validity);
  X509* issuer = parts_->certificate.get();
  for (const std::string& organization : subject.organizations) {
    add_name(X509_get_subject_name(certificate.get()), "O", organization);
  }
  add_name(X509_get_subject_name(certificate.get()), "CN", subject.common_name);
  require(X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer)) == 1, "issuer");
  add_extension(certificate.get(), issuer, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(certificate.get(), issuer, NID_key_usage, "critical,digitalSignature");
  add_extension(certificate.get(), issuer, NID_ext_key_usage, subject.usage);
  add_extension(certificate.get(), issuer, NID_authority_key_identifier, "keyid");
  if (!subject.alternative_names.empty()) {
    add_extension(certificate.get(), issuer, NID_subject_alt_name, subject.alternative_names);
  }
  require(X509_sign(certificate.get(), parts_->key.get(), EVP_sha256()) != 0, "signature");
  return {.certificate = pem_of(certificate.get()), .key = pem_of(key.get())};
}

}  // namespace tierwall::fake_api

#pragma once
// Certificates made at run time: a CA and what it signs. EC P-256, so that a test pays well under a millisecond for
// each. Nothing is written to disk; everything is PEM text. A failure of the crypto library throws std::runtime_error:
// there is no test without its certificates.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <openssl/types.h>

namespace tierwall::fake_api {

struct CertifiedKey {
  std::string certificate;  ///< PEM
  std::string key;          ///< PEM, PKCS #8, without a password
};

struct Validity {
  std::chrono::system_clock::time_point from = std::chrono::system_clock::now() - std::chrono::hours(1);
  std::chrono::system_clock::time_point to = std::chrono::system_clock::now() + std::chrono::hours(24);

  static Validity expired();
  static Validity not_yet();
};

struct ServerNames {
  std::vector<std::string> dns{"localhost"};
  std::vector<std::string> addresses{"127.0.0.1", "::1"};
};

class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& name = "Tierwall test CA");
  ~CertificateAuthority();
  CertificateAuthority(const CertificateAuthority&) = delete;
  CertificateAuthority& operator=(const CertificateAuthority&) = delete;

  [[nodiscard]] const std::string& certificate() const { return certificate_pem_; }  ///< PEM
  [[nodiscard]] CertifiedKey issue_server(const ServerNames& names = {}, const Validity& validity = {}) const;
  /// The API server takes the user's name from CN and the groups from O.
  [[nodiscard]] CertifiedKey issue_client(const std::string& user, const std::vector<std::string>& groups = {},
                                          const Validity& validity = {}) const;

 private:
  struct Subject;
  [[nodiscard]] CertifiedKey issue(const Subject& subject, const Validity& validity) const;

  struct Parts;
  std::unique_ptr<Parts> parts_;
  std::string certificate_pem_;
};

}  // namespace tierwall::fake_api

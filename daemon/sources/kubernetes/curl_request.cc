#include "daemon/sources/kubernetes/curl_request.h"

#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

constexpr long kConnectTimeoutMs = 10'000;
constexpr long kKeepaliveIdleS = 30;
constexpr long kKeepaliveIntervalS = 10;
constexpr int kKeepaliveProbes = 3;
constexpr unsigned kUserTimeoutMs = 30'000;
constexpr long kAuthorityCacheS = 60;  ///< CA files are rotated

/// Sets options one after the other and remembers the first that was refused.
class Options {
 public:
  explicit Options(CURL* easy) : easy_(easy) {}

  void number(CURLoption option, long value) { note(option, curl_easy_setopt(easy_, option, value)); }
  void text(CURLoption option, const std::string& value) {
    note(option, curl_easy_setopt(easy_, option, value.c_str()));
  }
  void pointer(CURLoption option, const void* value) { note(option, curl_easy_setopt(easy_, option, value)); }
  /// The library takes a copy.
  void blob(CURLoption option, const std::string& bytes) {
    curl_blob blob{.data = const_cast<char*>(bytes.data()), .len = bytes.size(), .flags = CURL_BLOB_COPY};
    note(option, curl_easy_setopt(easy_, option, &blob));
  }
  template <typename Function>
  void callback(CURLoption option, Function function) {
    note(option, curl_easy_setopt(easy_, option, function));
  }

  [[nodiscard]] Result<void> outcome() const {
    if (refusal_ == CURLE_OK) return {};
    const curl_easyoption* refused = curl_easy_option_by_id(option_);
    const ErrorKind kind = refusal_ == CURLE_OUT_OF_MEMORY ? ErrorKind::Exhausted : ErrorKind::Unsupported;
    return Error{kind,
                 fmt::format("libcurl refuses its option {}: {}", refused != nullptr ? refused->name : "?",
                             curl_easy_strerror(refusal_)),
                 0};
  }

 private:
  void note(CURLoption option, CURLcode code) {
    if (refusal_ != CURLE_OK || code == CURLE_OK) return;
    refusal_ = code;
    option_ = option;
  }

  CURL* easy_;
  CURLcode refusal_ = CURLE_OK;
  CURLoption option_ = CURLOPT_LASTENTRY;
};

/// Unacknowledged bytes end the connection after a while; libcurl has no option for that. Plugins inherit no socket.
int prepare_socket(void* /*owner*/, curl_socket_t socket, curlsocktype /*purpose*/) noexcept {
  const unsigned timeout = kUserTimeoutMs;
  const int probes = kKeepaliveProbes;
  setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
  setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  fcntl(socket, F_SETFD, FD_CLOEXEC);
  return CURL_SOCKOPT_OK;
}

void append(CurlHeaders& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  TIERWALL_CHECK(longer != nullptr);
  static_cast<void>(list.release());  // it is part of `longer`
  list.reset(longer);
}

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$&'*+-.^_`|~").find(c) != std::string_view::npos;
}

/// What a header's name cannot carry travels as %XX: signs, and capital letters, which servers lower.
std::string escape_extra_key(std::string_view key) {
  std::string escaped;
  for (const char c : key)
    escaped += is_token_character(c) ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return escaped;
}

void add_headers(CurlHeaders& headers, const ServerAccess& access, const ServerUrl& url, const HttpRequest& request,
                 const RequestCredentials& credentials) {
  append(headers, "Accept: " + request.accept);
  // The URL carries the name in the certificate then.
  if (!access.tls_server_name.empty()) append(headers, "Host: " + url.authority());
  if (!credentials.authorization.empty()) append(headers, "Authorization: " + credentials.authorization.reveal());
  const Impersonation& as = access.impersonation;
  if (!as.user.empty()) append(headers, "Impersonate-User: " + as.user);
  if (!as.uid.empty()) append(headers, "Impersonate-Uid: " + as.uid);
  for (const std::string& group : as.groups) append(headers, "Impersonate-Group: " + group);
  for (const auto& [key, values] : as.extra) {
    for (const std::string& value : values)
      append(headers, fmt::format("Impersonate-Extra-{}: {}", escape_extra_key(key), value));
  }
}

std::string host_in_url(const std::string& name) {
  const bool bare_ipv6 = name.find(':') != std::string::npos && name.front() != '[';
  return bare_ipv6 ? fmt::format("[{}]", name) : name;
}

/// Where to, through what. With a name of its own for TLS the URL holds that name and the connection goes elsewhere.
void set_destination(Options& options, CurlRequest& made, const ServerAccess& access, const ServerUrl& url,
                     const HttpRequest& request) {
  std::string authority = url.authority();
  if (!access.tls_server_name.empty()) {
    authority = fmt::format("{}:{}", host_in_url(access.tls_server_name), url.port);
    append(made.connect_to, fmt::format("{}:{}", authority, url.authority()));
    options.pointer(CURLOPT_CONNECT_TO, made.connect_to.get());
  }
  options.text(CURLOPT_URL, fmt::format("{}://{}{}{}", url.scheme, authority, url.path, request.target));
  options.number(CURLOPT_PATH_AS_IS, 1);
  // As in Go, the proxy resolves names. An empty text keeps proxies of the environment away.
  std::string proxy = access.proxy_url.reveal();
  if (proxy.starts_with("socks5://")) proxy.replace(0, std::string_view("socks5").size(), "socks5h");
  options.text(CURLOPT_PROXY, proxy);
  options.text(CURLOPT_NOPROXY, "");
  options.number(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
}

void set_trust(Options& options, const ServerAccess& access) {
  options.number(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  options.number(CURLOPT_SSL_VERIFYPEER, access.insecure ? 0 : 1);
  options.number(CURLOPT_SSL_VERIFYHOST, access.insecure ? 0 : 2);
  options.number(CURLOPT_PROXY_SSL_VERIFYPEER, access.insecure ? 0 : 1);
  options.number(CURLOPT_PROXY_SSL_VERIFYHOST, access.insecure ? 0 : 2);
  options.number(CURLOPT_CA_CACHE_TIMEOUT, kAuthorityCacheS);
  if (access.ca_data.empty() && access.ca_file.empty()) return;
  // Otherwise the system's roots would be trusted next to the cluster's own.
  options.pointer(CURLOPT_CAPATH, nullptr);
  options.pointer(CURLOPT_PROXY_CAPATH, nullptr);
  if (!access.ca_data.empty()) {
    options.blob(CURLOPT_CAINFO_BLOB, access.ca_data);
    options.blob(CURLOPT_PROXY_CAINFO_BLOB, access.ca_data);
  } else {
    options.text(CURLOPT_CAINFO, access.ca_file);
    options.text(CURLOPT_PROXY_CAINFO, access.ca_file);
  }
}

void set_identity(Options& options, const RequestCredentials& credentials) {
  if (credentials.client_certificate.empty()) return;
  options.blob(CURLOPT_SSLCERT_BLOB, credentials.client_certificate);
  options.blob(CURLOPT_SSLKEY_BLOB, credentials.client_key.reveal());
  options.text(CURLOPT_SSLCERTTYPE, "PEM");
  options.text(CURLOPT_SSLKEYTYPE, "PEM");
  options.text(CURLOPT_KEYPASSWD, "");  // an encrypted key is an error, not a question on a terminal
}

void set_conduct(Options& options) {
  options.number(CURLOPT_NOSIGNAL, 1);
  // Otherwise giving up while a name is being resolved would block the loop until the resolver answers.
  options.number(CURLOPT_QUICK_EXIT, 1);
  options.text(CURLOPT_PROTOCOLS_STR, "http,https");
  options.number(CURLOPT_FOLLOWLOCATION, 0);
  options.number(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
  options.number(CURLOPT_PIPEWAIT, 1);
  options.number(CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  options.number(CURLOPT_TCP_KEEPALIVE, 1);
  options.number(CURLOPT_TCP_KEEPIDLE, kKeepaliveIdleS);
  options.number(CURLOPT_TCP_KEEPINTVL, kKeepaliveIntervalS);
  options.callback(CURLOPT_SOCKOPTFUNCTION, prepare_socket);
}

std::string_view what_failed(CURLcode code) {
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return "the server's certificate is refused";
    case CURLE_SSL_CACERT_BADFILE:
      return "the certificate authority cannot be used";
    case CURLE_SSL_CERTPROBLEM:
      return "the client certificate cannot be used";
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
      return "cannot connect";
    case CURLE_OPERATION_TIMEDOUT:
      return "no connection in time";
    default:
      return "the connection was lost";
  }
}

}  // namespace

Result<std::unique_ptr<CurlRequest>> make_curl_request(const ServerAccess& access, const ServerUrl& url,
                                                       const std::string& user_agent, const HttpRequest& request,
                                                       const RequestCredentials& credentials,
                                                       const CurlCallbacks& callbacks) {
  auto made = std::make_unique<CurlRequest>();
  made->easy.reset(curl_easy_init());
  if (!made->easy) return Error{ErrorKind::Exhausted, "libcurl has no memory for a request", 0};
  add_headers(made->headers, access, url, request, credentials);
  Options options(made->easy.get());
  set_conduct(options);
  set_trust(options, access);
  set_identity(options, credentials);
  set_destination(options, *made, access, url, request);
  options.text(CURLOPT_USERAGENT, user_agent);
  options.pointer(CURLOPT_HTTPHEADER, made->headers.get());
  options.number(CURLOPT_HEADEROPT, CURLHEADER_SEPARATE);  // a proxy sees none of them
  options.pointer(CURLOPT_ERRORBUFFER, made->error_text.data());
  options.callback(CURLOPT_HEADERFUNCTION, callbacks.header);
  options.pointer(CURLOPT_HEADERDATA, callbacks.owner);
  options.callback(CURLOPT_WRITEFUNCTION, callbacks.body);
  options.pointer(CURLOPT_WRITEDATA, callbacks.owner);
  options.pointer(CURLOPT_PRIVATE, callbacks.owner);
  if (const auto outcome = options.outcome(); !outcome) return outcome.error();
  return made;
}

Error explain_failure(const ServerAccess& access, CURLcode code, const CurlRequest& request) {
  std::string detail = request.error_text.data();
  if (detail.empty()) detail = curl_easy_strerror(code);
  long number = 0;
  if (code == CURLE_COULDNT_CONNECT && curl_easy_getinfo(request.easy.get(), CURLINFO_OS_ERRNO, &number) == CURLE_OK &&
      number != 0) {
    // "Failed to connect to HOST port PORT after 0 ms: Couldn't connect to server": the end says nothing.
    detail = fmt::format("{}: {}", detail.substr(0, detail.rfind(": ")), std::strerror(static_cast<int>(number)));
  }
  const ErrorKind kind = code == CURLE_SSL_CERTPROBLEM ? ErrorKind::Denied : ErrorKind::Unavailable;
  return {kind, fmt::format("{}: {}: {}", access.server, what_failed(code), detail), static_cast<int>(number)};
}

std::string http_version_of(CURL* easy) {
  long version = 0;
  curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
  switch (version) {
    case CURL_HTTP_VERSION_1_0:
      return "HTTP/1.0";
    case CURL_HTTP_VERSION_1_1:
      return "HTTP/1.1";
    case CURL_HTTP_VERSION_2_0:
      return "HTTP/2";
    default:
      return {};
  }
}

}  // namespace tierwall::daemon

#include "daemon/sources/kubernetes/server_url.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include <curl/curl.h>

namespace tierwall::daemon {

namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

/// Empty if the address cannot be parsed.
Url parse(const std::string& text) {
  Url url(curl_url());
  if (url && curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) url.reset();
  return url;
}

/// Empty if the address has no such part.
std::string part_of(const Url& url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
  const std::unique_ptr<char, decltype(&curl_free)> owned(text, curl_free);
  return text;
}

}  // namespace

Result<ServerUrl> parse_server_url(const std::string& text) {
  const Url url = parse(text);
  if (!url) return malformed("is not an address like https://10.0.0.1:6443");
  ServerUrl parts{.scheme = part_of(url, CURLUPART_SCHEME),
                  .host = part_of(url, CURLUPART_HOST),
                  .port = part_of(url, CURLUPART_PORT),
                  .path = part_of(url, CURLUPART_PATH)};
  if (parts.scheme != "https" && parts.scheme != "http") return malformed("must begin with https:// or http://");
  if (parts.host.empty()) return malformed("names no host");
  if (!part_of(url, CURLUPART_USER).empty() || !part_of(url, CURLUPART_PASSWORD).empty())
    return malformed("must not hold a user name or password");
  if (!part_of(url, CURLUPART_QUERY).empty() || !part_of(url, CURLUPART_FRAGMENT).empty())
    return malformed("must not hold a query or a fragment");
  while (!parts.path.empty() && parts.path.back() == '/') parts.path.pop_back();
  return parts;
}

Result<void> check_proxy_url(const std::string& text) {
  constexpr std::array<std::string_view, 4> kSchemes = {"http", "https", "socks5", "socks5h"};
  const Url url = parse(text);
  if (!url || part_of(url, CURLUPART_HOST).empty()) return malformed("is not an address like http://proxy:3128");
  if (std::find(kSchemes.begin(), kSchemes.end(), part_of(url, CURLUPART_SCHEME)) == kSchemes.end())
    return malformed("must begin with http://, https:// or socks5://");
  return {};
}

}  // namespace tierwall::daemon

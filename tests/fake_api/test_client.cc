#include "tests/fake_api/test_client.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace tierwall::fake_api {

namespace {

std::size_t on_body(char* data, std::size_t one, std::size_t count, void* download) {
  static_cast<Download*>(download)->body.append(data, one * count);
  return one * count;
}

std::size_t on_header(char* data, std::size_t one, std::size_t count, void* download) {
  const std::string_view line(data, one * count);
  const std::size_t colon = line.find(": ");
  if (colon != std::string_view::npos) {
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    static_cast<Download*>(download)->headers[name] = line.substr(colon + 2, line.find_last_not_of("\r\n") - colon - 1);
  }
  return one * count;
}

void set_blob(CURL* easy, CURLoption option, const std::string& text) {
  if (text.empty()) return;
  curl_blob blob{.data = const_cast<char*>(text.data()), .len = text.size(), .flags = CURL_BLOB_COPY};
  curl_easy_setopt(easy, option, &blob);
}

std::string describe_event(const nlohmann::json& event) {
  const std::string type = event.at("type");
  const nlohmann::json& object = event.at("object");
  if (type == "ERROR") return type + " " + object.at("code").dump() + " " + object.at("reason").get<std::string>();
  const nlohmann::json& metadata = object.at("metadata");
  const std::string end = metadata.value("annotations", nlohmann::json::object()).contains("k8s.io/initial-events-end")
                              ? " (initial end)"
                              : "";
  return type + " " + metadata.value("name", "") + "@" + metadata.at("resourceVersion").get<std::string>() + end;
}

}  // namespace

Download::Download(TestClient& client, const std::string& target)
    : client_(client), easy_(curl_easy_init(), curl_easy_cleanup), header_list_(nullptr, curl_slist_free_all) {
  const ClientSettings& settings = client.settings;
  CURL* easy = easy_.get();
  curl_easy_setopt(easy, CURLOPT_URL, (settings.url + target).c_str());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  const long version = settings.version == HttpVersion::Http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version);
  set_blob(easy, CURLOPT_CAINFO_BLOB, settings.ca);
  set_blob(easy, CURLOPT_SSLCERT_BLOB, settings.certificate.certificate);
  set_blob(easy, CURLOPT_SSLKEY_BLOB, settings.certificate.key);
  std::vector<std::string> lines = settings.headers;
  if (!settings.token.empty()) lines.push_back("Authorization: Bearer " + settings.token);
  for (const std::string& line : lines) header_list_.reset(curl_slist_append(header_list_.release(), line.c_str()));
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, header_list_.get());
  curl_multi_add_handle(client.multi_.get(), easy);
  client.running_[easy] = this;
}

Download::~Download() {
  curl_multi_remove_handle(client_.multi_.get(), easy_.get());
  client_.running_.erase(easy_.get());
}

std::vector<std::string> Download::events() const {
  std::vector<std::string> events;
  std::string_view rest = body;
  for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    events.push_back(describe_event(nlohmann::json::parse(rest.substr(0, end))));
    rest.remove_prefix(end + 1);
  }
  return events;
}

long Download::http_version() const {
  long version = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_HTTP_VERSION, &version);
  return version;
}

TestClient::TestClient(ClientSettings with) : settings(std::move(with)), multi_(curl_multi_init(), curl_multi_cleanup) {
  curl_multi_setopt(multi_.get(), CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
}

std::unique_ptr<Download> TestClient::begin(const std::string& target) {
  return std::unique_ptr<Download>(new Download(*this, target));
}

std::unique_ptr<Download> TestClient::get(const std::string& target) {
  auto download = begin(target);
  run_until([&download] { return download->done; });
  return download;
}

bool TestClient::run_until(const std::function<bool()>& condition, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    int active = 0;
    curl_multi_perform(multi_.get(), &active);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      Download* download = running_.at(message->easy_handle);
      download->done = true;
      download->outcome = message->data.result;
    }
    for (const auto& [easy, download] : running_) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &download->status);
    if (condition()) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    curl_multi_poll(multi_.get(), nullptr, 0, 10, nullptr);
  }
}

}  // namespace tierwall::fake_api

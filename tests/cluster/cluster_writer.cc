#include "tests/cluster/cluster_writer.h"

#include <utility>

#include "daemon/sources/kubernetes/curl_request.h"
#include "tests/unit/daemon/kubernetes/loop_runner.h"

namespace tierwall::cluster {

namespace {

std::size_t ignore_header(char* /*text*/, std::size_t size, std::size_t count, void* /*owner*/) {
  return size * count;
}

std::size_t keep_body(char* bytes, std::size_t size, std::size_t count, void* owner) {
  static_cast<Reply*>(owner)->body.append(bytes, size * count);
  return size * count;
}

}  // namespace

ClusterWriter::ClusterWriter(systemd::EventLoop& loop, const daemon::Clock& clock, daemon::ServerAccess access)
    : loop_(loop),
      access_(std::move(access)),
      credentials_(loop, clock, access_,
                   [this](const Result<daemon::RequestCredentials>& brought) { brought_ = brought; }) {}

Result<Reply> ClusterWriter::create(const std::string& collection, const std::string& object) {
  return send({.method = "POST", .path = collection, .content_type = "application/json", .body = object});
}

Result<Reply> ClusterWriter::merge(const std::string& path, const std::string& patch) {
  return send({.method = "PATCH", .path = path, .content_type = "application/merge-patch+json", .body = patch});
}

Result<Reply> ClusterWriter::remove(const std::string& path) {
  return send({.method = "DELETE", .path = path, .content_type = "application/json", .body = "{}"});
}

Result<daemon::RequestCredentials> ClusterWriter::who() {
  brought_.reset();
  if (auto now = credentials_.now()) return *now;
  test::turn_until(
      loop_, [this] { return brought_.has_value(); }, std::chrono::seconds(60));
  return brought_ ? *brought_ : Error{ErrorKind::Denied, "no credentials in time"};
}

Result<Reply> ClusterWriter::send(const Write& write) {
  const auto url = daemon::parse_server_url(access_.server);
  if (!url) return url.error();
  const auto credentials = who();
  if (!credentials) return credentials.error();
  Reply reply;
  auto request = daemon::make_curl_request(access_, *url, "tierwall-test", {.target = write.path}, *credentials,
                                           {.header = ignore_header, .body = keep_body, .owner = &reply});
  if (!request) return request.error();
  CURL* easy = (*request)->easy.get();
  curl_slist_append((*request)->headers.get(), ("Content-Type: " + write.content_type).c_str());
  curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, write.body.c_str());
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, write.method);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30'000L);
  if (const CURLcode code = curl_easy_perform(easy); code != CURLE_OK) {
    return daemon::explain_failure(access_, code, **request);
  }
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  return reply;
}

}  // namespace tierwall::cluster

#include "tests/fake_api/respond.h"

#include <charconv>
#include <stdexcept>
#include <utility>

#include "tests/fake_api/discovery.h"
#include "tests/fake_api/list_answer.h"
#include "tests/fake_api/resource_table.h"
#include "tests/fake_api/watch_stream.h"
#include "tests/fake_api/write_answer.h"

namespace tierwall::fake_api {

namespace {

constexpr const char* kAnonymous = "system:anonymous";
constexpr const char* kText = "text/plain; charset=utf-8";

/// What anybody may read, as the role system:public-info-viewer says.
bool is_public(const std::string& path) {
  return path == "/version" || path == "/healthz" || path == "/livez" || path == "/readyz";
}

Answer json_answer(std::string body) {
  return whole_answer(200, "application/json", std::move(body) + "\n");
}

Answer unknown_path() {
  return whole_answer(404, kText, "404 page not found\n");
}

Answer scripted_failure(const Failure& failure) {
  Answer answer;
  if (failure.status == 429) {
    answer = whole_answer(429, kText, "Too many requests, please try again later.\n");
  } else {
    Status status = failure.status == 500 ? internal_error("scripted") : Status{};
    status.code = failure.status;
    if (failure.status == 503) status.reason = "ServiceUnavailable";
    if (status.message.empty()) status.message = "the server is currently unable to handle the request";
    answer = status_answer(status);
  }
  if (failure.retry_after_seconds > 0) answer.headers["Retry-After"] = std::to_string(failure.retry_after_seconds);
  return answer;
}

std::optional<std::string> authenticate(const Script& script, const ApiRequest& request) {
  constexpr std::string_view kBearer = "Bearer ";
  const ClientCertificate& shown = request.certificate;
  if (shown.presented && shown.verified && !script.is_revoked(shown.pem)) return shown.user;
  const std::string authorization = request.header("authorization");
  if (authorization.starts_with(kBearer)) return script.user_of_token(authorization.substr(kBearer.size()));
  if (request.certificate.presented || !script.behaviour().anonymous) return std::nullopt;
  return kAnonymous;
}

Status forbidden_path(const std::string& user, const std::string& path) {
  return {.code = 403,
          .reason = "Forbidden",
          .message = "forbidden: User \"" + user + "\" cannot get path \"" + path + "\"",
          .details = nlohmann::json::object()};
}

std::string verb_of(const ApiRequest& request, const ResourcePath& path) {
  if (request.method == "POST") return "create";
  if (request.method != "GET") return request.method == "PATCH" ? "patch" : "delete";
  return request.flag("watch") ? "watch" : path.name.empty() ? "list" : "get";
}

/// RBAC: anonymous users may nothing but what is public; others everything that the test has not forbidden.
std::optional<Status> authorize(const Script& script, const ApiRequest& request, const std::string& user) {
  const auto path = parse_resource_path(request.path);
  const bool denied = (user == kAnonymous && !is_public(request.path)) || script.is_forbidden(request.path) ||
                      (path && script.is_forbidden(path->type->path())) ||
                      (request.method != "GET" && script.behaviour().read_only);
  if (!denied) return std::nullopt;
  if (!path) return forbidden_path(user, request.path);
  return forbidden(user, verb_of(request, *path), *path->type, path->name_space);
}

/// What the server's validation finds in a watch's parameters; empty: nothing.
std::string contradiction(const ApiRequest& request, bool watch_list) {
  const bool has_match = request.query.contains("resourceVersionMatch");
  if (!request.query.contains("sendInitialEvents")) {
    return has_match ? "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless "
                       "sendInitialEvents is provided"
                     : "";
  }
  if (!watch_list) {
    return "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate "
           "is enabled";
  }
  if (request.parameter("resourceVersionMatch") != "NotOlderThan") {
    return "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
  }
  if (request.flag("sendInitialEvents") && !request.flag("allowWatchBookmarks")) {
    return "allowWatchBookmarks: Forbidden: sendInitialEvents requires setting allowWatchBookmarks to true";
  }
  return {};
}

std::chrono::seconds lifetime_of(const ApiRequest& request) {
  const std::string text = request.parameter("timeoutSeconds");
  unsigned seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::chrono::seconds(seconds == 0 ? 1800 : seconds);
}

Answer expired_watch(const Status& status, bool as_event) {
  if (!as_event) return status_answer(status);
  Answer answer = whole_answer(200, "application/json", R"({"type":"ERROR","object":)" + status.text() + "}\n");
  answer.length.reset();
  return answer;
}

const char* version_document() {
  return R"({"major":"1","minor":"36","emulationMajor":"1","emulationMinor":"36","minCompatibilityMajor":"1",)"
         R"("minCompatibilityMinor":"35","gitVersion":"v1.36.2","gitTreeState":"","goVersion":"go1.26.10",)"
         R"("compiler":"gc","platform":"linux/amd64"})";
}

/// The server indents for people who use curl.
Answer indented(Answer answer) {
  std::string text;
  for (Piece piece; !piece.end; text += piece.bytes) piece = answer.body->next({});
  Answer pretty = whole_answer(answer.status, answer.content_type, nlohmann::ordered_json::parse(text).dump(2));
  pretty.headers = std::move(answer.headers);
  return pretty;
}

bool wants_indentation(const ApiRequest& request, const Answer& answer, const Script& script) {
  const bool asked = request.flag("pretty") ||
                     (request.header("user-agent").starts_with("curl") && script.behaviour().pretty_for_curl);
  return asked && !request.flag("watch") && answer.content_type == "application/json" &&
         !answer.headers.contains("Content-Encoding");
}

bool accepts_json(const ApiRequest& request) {
  const std::string accept = request.header("accept");
  return accept.empty() || accept.find("json") != std::string::npos || accept.find("*/*") != std::string::npos;
}

}  // namespace

Responder::Responder(ObjectStore& store, Script& script, ApiRequest request)
    : store_(store),
      script_(script),
      request_(std::move(request)),
      user_(authenticate(script, request_)),
      arrived_(Clock::now()),
      number_(script.record(request_, user_.value_or(""))),
      refused_(refusal()) {}

std::optional<Answer> Responder::refusal() const {
  if (!user_) return status_answer(unauthorized());
  if (const auto failure = script_.take_failure(request_.path)) return scripted_failure(*failure);
  if (const auto status = authorize(script_, request_, *user_)) return status_answer(*status);
  if (!accepts_json(request_)) {
    return status_answer({.code = 406,
                          .reason = "NotAcceptable",
                          .message = "only the following media types are accepted: application/json"});
  }
  return std::nullopt;
}

std::optional<Answer> Responder::answer() {
  std::optional<Answer> answer = std::exchange(refused_, std::nullopt);
  try {
    if (!answer) answer = resource_answer();
  } catch (const std::invalid_argument& wrong) {
    answer = status_answer(bad_request(wrong.what()));
  }
  if (!answer) return std::nullopt;
  if (wants_indentation(request_, *answer, script_)) answer = indented(std::move(*answer));
  if (const auto cut = script_.take_answer_cut(request_.path)) {
    answer = cut_after(std::move(*answer), cut->bytes, cut->how);
  }
  script_.record_status(number_, answer->status);
  return answer;
}

std::optional<Answer> Responder::resource_answer() {
  if (request_.path == "/version") return json_answer(version_document());
  if (is_public(request_.path)) return whole_answer(200, kText, "ok");
  if (auto document = discovery_document(store_, request_.path)) return json_answer(std::move(*document));
  const auto path = parse_resource_path(request_.path);
  if (!path || !store_.served(*path->type)) return unknown_path();
  if (request_.method != "GET") return write_answer(store_, request_, *path);
  if (path->name.empty()) {
    return request_.flag("watch") ? watch_answer(*path) : list_answer(store_, script_, request_, *path, arrived_);
  }
  const StoredPointer object = store_.find(*path->type, path->name_space, path->name);
  if (object == nullptr) return status_answer(not_found(*path->type, path->name));
  return json_answer(typed_text(*path->type, *object));
}

std::optional<Answer> Responder::watch_answer(const ResourcePath& path) const {
  const Behaviour behaviour = script_.behaviour();
  if (const std::string wrong = contradiction(request_, behaviour.watch_list); !wrong.empty()) {
    return status_answer(invalid_options(wrong));
  }
  const std::uint64_t asked = asked_version(request_).value_or(0);
  const bool initial_events = request_.flag("sendInitialEvents");
  if (initial_events && asked > store_.version()) {
    if (Clock::now() < arrived_ + behaviour.too_large_wait) return std::nullopt;
    return status_answer(too_large_version(asked, store_.version()));
  }
  if (!initial_events && asked > 0 && store_.too_old(asked)) {
    return expired_watch(too_old_version(asked, store_.version()), behaviour.expired_watch_as_event);
  }
  WatchPlan plan{.type = path.type, .name_space = path.name_space};
  plan.selector = Selector::parse(*path.type, request_.parameter("fieldSelector"), request_.parameter("labelSelector"));
  plan.request_path = request_.path;
  // "sendInitialEvents=false" with version 0 asks for a watch from now on.
  plan.initial_objects = initial_events || (asked == 0 && !request_.query.contains("sendInitialEvents"));
  plan.bookmarks = request_.flag("allowWatchBookmarks");
  const bool from_zero = request_.parameter("resourceVersion") == "0" && behaviour.watch_list;
  plan.initial_end = initial_events || (plan.initial_objects && from_zero && plan.bookmarks);
  plan.after_version = asked == 0 ? store_.version() : asked;
  plan.lifetime = lifetime_of(request_);
  Answer answer;
  answer.body = std::make_unique<WatchStream>(store_, script_, std::move(plan), Clock::now());
  const bool compressed = initial_events && request_.header("accept-encoding").find("gzip") != std::string::npos;
  return compressed ? gzip_members(std::move(answer)) : std::move(answer);
}

}  // namespace tierwall::fake_api

#include "tests/fake_api/status_object.h"

#include <utility>

namespace tierwall::fake_api {

using nlohmann::json;

std::string Status::text() const {
  nlohmann::ordered_json status{{"kind", "Status"}, {"apiVersion", "v1"}};
  status["metadata"] = nlohmann::ordered_json::object();
  if (!continue_token.empty()) status["metadata"]["continue"] = continue_token;
  status["status"] = "Failure";
  status["message"] = message;
  status["reason"] = reason;
  json more = details;
  if (retry_after_seconds > 0) more["retryAfterSeconds"] = retry_after_seconds;
  if (!more.is_null()) status["details"] = more;
  status["code"] = code;
  return status.dump();
}

Status unauthorized() {
  return {.code = 401, .reason = "Unauthorized", .message = "Unauthorized"};
}

Status forbidden(const std::string& user, const std::string& verb, const ResourceType& type,
                 const std::string& name_space) {
  json details{{"kind", type.plural}};
  if (!type.group().empty()) details["group"] = type.group();
  const std::string place = name_space.empty() ? "at the cluster scope" : "in the namespace \"" + name_space + "\"";
  return {.code = 403,
          .reason = "Forbidden",
          .message = type.qualified_name() + " is forbidden: User \"" + user + "\" cannot " + verb + " resource \"" +
                     type.plural + "\" in API group \"" + type.group() + "\" " + place,
          .details = std::move(details)};
}

Status bad_request(const std::string& message) {
  return {.code = 400, .reason = "BadRequest", .message = message};
}

Status invalid_options(const std::string& message) {
  return {.code = 422,
          .reason = "Invalid",
          .message = "ListOptions.meta.k8s.io \"\" is invalid: " + message,
          .details = {{"group", "meta.k8s.io"}, {"kind", "ListOptions"}}};
}

Status not_found(const ResourceType& type, const std::string& name) {
  json details{{"name", name}, {"kind", type.plural}};
  if (!type.group().empty()) details["group"] = type.group();
  return {.code = 404,
          .reason = "NotFound",
          .message = type.qualified_name() + " \"" + name + "\" not found",
          .details = std::move(details)};
}

Status already_exists(const ResourceType& type, const std::string& name) {
  Status status = not_found(type, name);
  status.code = 409;
  status.reason = "AlreadyExists";
  status.message = type.qualified_name() + " \"" + name + "\" already exists";
  return status;
}

Status too_large_version(std::uint64_t asked, std::uint64_t newest) {
  json causes = json::array({{{"reason", "ResourceVersionTooLarge"}, {"message", "Too large resource version"}}});
  return {.code = 504,
          .reason = "Timeout",
          .message =
              "Timeout: Too large resource version: " + std::to_string(asked) + ", current: " + std::to_string(newest),
          .details = {{"causes", std::move(causes)}},
          .retry_after_seconds = 1};
}

Status too_old_version(std::uint64_t asked, std::uint64_t oldest) {
  return {.code = 410,
          .reason = "Expired",
          .message = "too old resource version: " + std::to_string(asked) + " (" + std::to_string(oldest) + ")"};
}

Status expired_list() {
  return {.code = 410, .reason = "Expired", .message = "The resourceVersion for the provided list is too old."};
}

Status expired_continue(const std::string& fresh_token) {
  return {.code = 410,
          .reason = "Expired",
          .message =
              "The provided continue parameter is too old to display a consistent list result. You can start a "
              "new list without the continue parameter, or use the continue token in this response to retrieve "
              "the remainder of the results. Continuing with the provided token results in an inconsistent list "
              "- objects that were created, modified, or deleted between the time the first chunk was returned "
              "and now may show up in the list.",
          .continue_token = fresh_token};
}

Status internal_error(const std::string& message) {
  return {.code = 500,
          .reason = "InternalError",
          .message = "Internal error occurred: " + message,
          .details = {{"causes", json::array({{{"message", message}}})}}};
}

}  // namespace tierwall::fake_api

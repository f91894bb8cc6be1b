#include "tests/fake_api/write_answer.h"

#include <stdexcept>
#include <utility>

#include "tests/fake_api/status_object.h"

namespace tierwall::fake_api {

namespace {

using nlohmann::json;

constexpr const char* kJson = "application/json";
constexpr const char* kMergePatch = "application/merge-patch+json";

Answer refusal(const Status& status) {
  return whole_answer(status.code, kJson, status.text() + "\n");
}

json body_of(const ApiRequest& request) {
  json body = json::parse(request.body, nullptr, false);
  if (!body.is_object()) throw std::invalid_argument("the body is no JSON object");
  return body;
}

Answer written(const ObjectStore& store, const ResourcePath& path, const std::string& name, int status) {
  return whole_answer(status, kJson, typed_text(*path.type, *store.find(*path.type, path.name_space, name)) + "\n");
}

Answer create(ObjectStore& store, const ApiRequest& request, const ResourcePath& path) {
  json object = body_of(request);
  const std::string name = object["metadata"].value("name", "");
  if (name.empty()) throw std::invalid_argument("an object without a name");
  if (store.find(*path.type, path.name_space, name) != nullptr) return refusal(already_exists(*path.type, name));
  object["apiVersion"] = path.type->group_version;
  object["kind"] = path.type->kind;
  if (path.type->namespaced) object["metadata"]["namespace"] = path.name_space;
  store.put(std::move(object));
  return written(store, path, name, 201);
}

Answer patch(ObjectStore& store, const ApiRequest& request, const ResourcePath& path, json object) {
  if (request.header("content-type") != kMergePatch) {
    return refusal({.code = 415,
                    .reason = "UnsupportedMediaType",
                    .message = std::string("the body of the request was in an unknown format - accepted media types "
                                           "include: ") +
                               kMergePatch});
  }
  object.merge_patch(body_of(request));
  object["apiVersion"] = path.type->group_version;
  object["kind"] = path.type->kind;
  store.put(std::move(object));
  return written(store, path, path.name, 200);
}

}  // namespace

Answer write_answer(ObjectStore& store, const ApiRequest& request, const ResourcePath& path) {
  if (request.method == "POST" && path.name.empty()) return create(store, request, path);
  if ((request.method != "PATCH" && request.method != "DELETE") || path.name.empty()) {
    return refusal({.code = 405,
                    .reason = "MethodNotAllowed",
                    .message = "the server does not allow this method on the requested resource"});
  }
  const StoredPointer object = store.find(*path.type, path.name_space, path.name);
  if (object == nullptr) return refusal(not_found(*path.type, path.name));
  if (request.method == "PATCH") return patch(store, request, path, object->body);
  json reference = object->body;
  reference["apiVersion"] = path.type->group_version;
  reference["kind"] = path.type->kind;
  store.remove_object(reference);
  return whole_answer(200, kJson, R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success"})");
}

}  // namespace tierwall::fake_api

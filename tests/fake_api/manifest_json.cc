#include "tests/fake_api/manifest_json.h"

#include <stdexcept>

#include "daemon/sources/read_yaml.h"

namespace tierwall::fake_api {

namespace {

using daemon::Node;
using nlohmann::json;

json scalar_to_json(const Node& node) {
  switch (daemon::scalar_type(node)) {
    case daemon::ScalarType::Bool:
      return daemon::to_bool(node).value();
    case daemon::ScalarType::Integer:
      return daemon::to_integer(node).value();
    case daemon::ScalarType::Float:
      return daemon::to_number(node).value();
    case daemon::ScalarType::String:
      break;
  }
  return node.text;
}

json to_json(const Node& node) {
  switch (node.kind) {
    case Node::Kind::Null:
      return nullptr;
    case Node::Kind::Scalar:
      return scalar_to_json(node);
    case Node::Kind::Sequence: {
      json list = json::array();
      for (const Node& item : node.items) list.push_back(to_json(item));
      return list;
    }
    case Node::Kind::Map:
      break;
  }
  json object = json::object();
  for (const daemon::Field& field : node.fields) object[field.key] = to_json(field.value);
  return object;
}

}  // namespace

std::vector<json> manifest_to_json(std::string_view text) {
  const daemon::DocumentStream stream = daemon::read_yaml(text, "manifest");
  if (!stream.problems.empty()) throw std::invalid_argument(policy::print_diagnostic(stream.problems.front()));
  std::vector<json> objects;
  for (const Node& document : stream.documents) {
    json object = to_json(document);
    if (object.is_object() && object.value("kind", "") == "List") {
      for (json& item : object.at("items")) objects.push_back(std::move(item));
    } else {
      objects.push_back(std::move(object));
    }
  }
  return objects;
}

}  // namespace tierwall::fake_api

#include "tests/fake_api/selectors.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

namespace tierwall::fake_api {

namespace {

using nlohmann::json;

/// Beside metadata.name and, for what lives in a namespace, metadata.namespace.
const std::map<std::string, std::set<std::string>, std::less<>>& more_fields() {
  static const std::map<std::string, std::set<std::string>, std::less<>> fields{
      {"pods",
       {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.nominatedNodeName"}},
      {"namespaces", {"status.phase"}},
      {"nodes", {"spec.unschedulable"}},
      {"services", {"spec.clusterIP", "spec.type"}},
  };
  return fields;
}

bool knows_field(const ResourceType& type, const std::string& field) {
  if (field == "metadata.name" || (type.namespaced && field == "metadata.namespace")) return true;
  const auto more = more_fields().find(type.plural);
  return type.built_in && more != more_fields().end() && more->second.contains(field);
}

std::string trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return std::string(text);
}

Requirement parse_requirement(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    if (text.find_first_of("( ") != std::string_view::npos) {
      throw std::invalid_argument("unable to parse requirement: " + std::string(text));
    }
    const bool lacks = !text.empty() && text.front() == '!';
    return {.key = trimmed(text.substr(lacks ? 1 : 0)),
            .op = lacks ? Requirement::Operator::Lacks : Requirement::Operator::Exists};
  }
  const bool differs = equals > 0 && text[equals - 1] == '!';
  const bool twice = equals + 1 < text.size() && text[equals + 1] == '=';
  return {.key = trimmed(text.substr(0, differs ? equals - 1 : equals)),
          .op = differs ? Requirement::Operator::Differs : Requirement::Operator::Equals,
          .value = trimmed(text.substr(equals + (twice ? 2 : 1)))};
}

std::vector<Requirement> parse_requirements(std::string_view text) {
  std::vector<Requirement> requirements;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    requirements.push_back(parse_requirement(trimmed(one)));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
  }
  return requirements;
}

/// The value of a dotted field as selectors see it: missing is "", except booleans, which are "false".
std::string field_value(const json& object, std::string_view field) {
  const bool truth = field == "spec.hostNetwork" || field == "spec.unschedulable";
  const json* at = &object;
  while (!field.empty()) {
    const std::string_view step = field.substr(0, field.find('.'));
    if (!at->is_object() || !at->contains(step)) return truth ? "false" : "";
    at = &(*at)[std::string(step)];
    field.remove_prefix(std::min(field.size(), step.size() + 1));
  }
  return at->is_string() ? at->get<std::string>() : at->dump();
}

bool label_holds(const json& labels, const Requirement& requirement) {
  const auto label = labels.find(requirement.key);
  const bool there = label != labels.end();
  switch (requirement.op) {
    case Requirement::Operator::Exists:
      return there;
    case Requirement::Operator::Lacks:
      return !there;
    case Requirement::Operator::Equals:
      return there && *label == requirement.value;
    case Requirement::Operator::Differs:
      break;
  }
  return !there || *label != requirement.value;
}

}  // namespace

Selector Selector::parse(const ResourceType& type, std::string_view fields, std::string_view labels) {
  Selector selector;
  selector.fields_ = parse_requirements(fields);
  selector.labels_ = parse_requirements(labels);
  for (const Requirement& requirement : selector.fields_) {
    const bool compares =
        requirement.op == Requirement::Operator::Equals || requirement.op == Requirement::Operator::Differs;
    if (!compares) throw std::invalid_argument("invalid selector: '" + std::string(fields) + "'; can't understand it");
    if (!knows_field(type, requirement.key)) {
      throw std::invalid_argument("field label not supported: " + requirement.key);
    }
  }
  return selector;
}

bool Selector::matches(const json& object) const {
  const json& metadata = object.at("metadata");
  const json labels = metadata.value("labels", json::object());
  return std::ranges::all_of(fields_,
                             [&object](const Requirement& requirement) {
                               const bool equal = field_value(object, requirement.key) == requirement.value;
                               return equal == (requirement.op == Requirement::Operator::Equals);
                             }) &&
         std::ranges::all_of(labels_,
                             [&labels](const Requirement& requirement) { return label_holds(labels, requirement); });
}

}  // namespace tierwall::fake_api

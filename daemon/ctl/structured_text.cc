#include "daemon/ctl/structured_text.h"

#include <yaml-cpp/yaml.h>

namespace tierwall::daemon::ctl {

namespace {

void emit(YAML::Emitter& out, const Json& value) {
  if (value.is_object()) {
    out << YAML::BeginMap;
    for (const auto& [key, entry] : value.items()) {
      out << YAML::Key << key << YAML::Value;
      emit(out, entry);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    if (value.empty()) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const auto& entry : value) emit(out, entry);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    // Quoted, so that no reader takes "no", "1e3" or "12:30" for something else.
    out << YAML::DoubleQuoted << value.get<std::string>();
  } else if (value.is_null()) {
    out << YAML::Null;
  } else {
    out << value.dump();
  }
}

}  // namespace

std::string print_structured(const Json& answer, Output output) {
  if (output != Output::Yaml) return answer.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  YAML::Emitter out;
  emit(out, answer);
  return std::string(out.c_str()) + "\n";
}

}  // namespace tierwall::daemon::ctl

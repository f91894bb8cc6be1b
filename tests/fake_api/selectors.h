#pragma once
// fieldSelector and labelSelector of a request. Faithful to the API server: fields are a fixed set per resource, the
// operators of fields are =, == and !=, joined by commas. Of label selectors the equality forms and "key", "!key" are
// known; "in (...)" and "notin (...)" are answered with 400, where a real server would obey.

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/fake_api/resource_table.h"

namespace tierwall::fake_api {

struct Requirement {
  enum class Operator { Equals, Differs, Exists, Lacks };

  std::string key;
  Operator op = Operator::Equals;
  std::string value{};
};

class Selector {
 public:
  /// Throws std::invalid_argument with the server's sentence when the text or a field is unknown.
  static Selector parse(const ResourceType& type, std::string_view fields, std::string_view labels);

  [[nodiscard]] bool empty() const { return fields_.empty() && labels_.empty(); }
  [[nodiscard]] bool matches(const nlohmann::json& object) const;

 private:
  std::vector<Requirement> fields_;
  std::vector<Requirement> labels_;
};

}  // namespace tierwall::fake_api

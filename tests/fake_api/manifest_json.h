#pragma once
// Manifest text as kubectl would send it: YAML or JSON documents -> JSON objects, lists taken apart.

#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace tierwall::fake_api {

/// Throws std::invalid_argument if the text is no manifest: a test never means that.
std::vector<nlohmann::json> manifest_to_json(std::string_view text);

}  // namespace tierwall::fake_api

#include "tests/fake_api/api_request.h"

#include <algorithm>
#include <charconv>

namespace tierwall::fake_api {

namespace {

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

std::string value_of(const std::map<std::string, std::string>& map, const std::string& name) {
  const auto found = map.find(name);
  return found == map.end() ? std::string() : found->second;
}

}  // namespace

std::string ApiRequest::parameter(const std::string& name) const {
  return value_of(query, name);
}

std::string ApiRequest::header(const std::string& name) const {
  return value_of(headers, name);
}

bool ApiRequest::flag(const std::string& name) const {
  const std::string value = parameter(name);
  return value == "1" || value == "t" || value == "true" || value == "True" || value == "TRUE";
}

void set_target(ApiRequest& request, std::string_view target) {
  request.target = target;
  const std::size_t mark = target.find('?');
  request.path = percent_decoded(target.substr(0, mark));
  std::string_view rest = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    request.query.try_emplace(percent_decoded(pair.substr(0, equals)),
                              percent_decoded(pair.substr(std::min(equals + 1, pair.size()))));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
  }
}

}  // namespace tierwall::fake_api

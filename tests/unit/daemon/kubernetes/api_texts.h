#pragma once
// What an API server says, in few words.

#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace tierwall::test {

/// "shop/web" is in a namespace, "web" is in none.
inline std::string metadata(std::string_view name, int version) {
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos) {
    return fmt::format(R"("metadata":{{"name":"{}","resourceVersion":"{}"}})", name, version);
  }
  return fmt::format(R"("metadata":{{"namespace":"{}","name":"{}","resourceVersion":"{}"}})", name.substr(0, slash),
                     name.substr(slash + 1), version);
}

inline std::string object(std::string_view name, int version, std::string_view rest = {}) {
  return "{" + metadata(name, version) + (rest.empty() ? "" : ",") + std::string(rest) + "}";
}

inline std::string frame(std::string_view type, std::string_view object_text) {
  return fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, object_text);
}

inline std::string added(std::string_view name, int version) {
  return frame("ADDED", object(name, version));
}
inline std::string modified(std::string_view name, int version) {
  return frame("MODIFIED", object(name, version));
}
inline std::string deleted(std::string_view name, int version) {
  return frame("DELETED", object(name, version));
}

inline std::string bookmark(int version) {
  return frame("BOOKMARK", fmt::format(R"({{"metadata":{{"resourceVersion":"{}"}}}})", version));
}
inline std::string initial_end(int version) {
  return frame("BOOKMARK", fmt::format(R"({{"metadata":{{"resourceVersion":"{}","annotations":)"
                                       R"({{"k8s.io/initial-events-end":"true"}}}}}})",
                                       version));
}

inline std::string status(int code, std::string_view reason, int retry_after = 0) {
  return fmt::format(
      R"({{"kind":"Status","code":{},"reason":"{}","message":"no","details":{{"retryAfterSeconds":{}}}}})", code,
      reason, retry_after);
}

inline std::string page(const std::vector<std::string>& items, int version, std::string_view continue_token = {}) {
  return fmt::format(R"({{"kind":"ThingList","apiVersion":"v1","metadata":{{"resourceVersion":"{}","continue":"{}"}},)"
                     R"("items":[{}]}})",
                     version, continue_token, fmt::join(items, ","));
}

}  // namespace tierwall::test

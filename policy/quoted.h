#pragma once
// How error messages show what they are about.

#include <string>
#include <string_view>

namespace tierwall::policy {

inline std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

}  // namespace tierwall::policy

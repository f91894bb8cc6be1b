#pragma once
// Base64 with the standard alphabet and padding, as kubeconfig files and HTTP basic authentication write it.

#include <optional>
#include <string>
#include <string_view>

namespace tierwall::daemon {

std::string encode_base64(std::string_view bytes);
/// Line breaks are skipped. Absent if anything else is not base64 or the padding is wrong.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace tierwall::daemon

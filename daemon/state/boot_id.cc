#include "daemon/state/boot_id.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "daemon/state/state_file.h"
#include "systemd/unique_fd.h"

namespace tierwall::daemon {

namespace {

constexpr std::size_t kLength = 36;

bool is_boot_id(std::string_view text) {
  if (text.size() != kLength) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool digit = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
    if (dash ? text[i] != '-' : !digit) return false;
  }
  return true;
}

}  // namespace

Result<std::string> read_boot_id(const std::string& file) {
  const systemd::UniqueFd opened(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened.is_open()) return system_failure(file, errno);
  std::array<char, 64> buffer{};
  const ssize_t length = read(opened.raw(), buffer.data(), buffer.size());
  if (length < 0) return system_failure(file, errno);
  std::string_view text(buffer.data(), static_cast<std::size_t>(length));
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (!is_boot_id(text)) return malformed(fmt::format("{}: is no boot id", file));
  return std::string(text);
}

}  // namespace tierwall::daemon

#include "daemon/state/state_file.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

constexpr const char* kCompanions[] = {"", kLogSuffix, kIndexSuffix};

Result<void> set_rights(const std::string& path, mode_t mode, std::optional<gid_t> readers) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return system_failure(path, errno);
  const bool foreign_group = readers && status.st_gid != *readers;
  if (foreign_group && chown(path.c_str(), static_cast<uid_t>(-1), *readers) != 0) return system_failure(path, errno);
  const bool other_mode = (status.st_mode & 07777) != mode;
  if (other_mode && chmod(path.c_str(), mode) != 0) return system_failure(path, errno);
  return {};
}

Result<void> make_folder(const std::filesystem::path& folder, std::optional<gid_t> readers) {
  struct stat status {};
  if (folder.empty() || stat(folder.c_str(), &status) == 0) return {};
  if (auto above = make_folder(folder.parent_path(), readers); !above) return above;
  const mode_t mode = readers ? 0750 : 0700;
  if (mkdir(folder.c_str(), mode) != 0 && errno != EEXIST) return system_failure(folder, errno);
  return set_rights(folder, mode, readers);
}

/// The time in the name of a file that was moved aside; absent for other files and for companions.
std::optional<std::int64_t> time_in_name(const std::string& name, const std::string& prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  std::int64_t time = 0;
  const char* end = name.data() + name.size();
  const auto [stop, failure] = std::from_chars(name.data() + prefix.size(), end, time);
  if (failure != std::errc() || stop != end) return std::nullopt;
  return time;
}

void remove_oldest_aside(const std::string& file) {
  const std::filesystem::path path(file);
  const std::string prefix = path.filename().string() + kAsideSuffix;
  std::vector<std::int64_t> times;
  std::error_code failure;
  for (auto entry = std::filesystem::directory_iterator(path.parent_path(), failure);
       !failure && entry != std::filesystem::directory_iterator(); entry.increment(failure)) {
    if (const auto time = time_in_name(entry->path().filename().string(), prefix)) times.push_back(*time);
  }
  std::ranges::sort(times, std::ranges::greater());
  for (std::size_t i = kKeptAside; i < times.size(); ++i) {
    for (const char* companion : kCompanions)
      std::filesystem::remove_all(fmt::format("{}{}{}{}", file, kAsideSuffix, times[i], companion), failure);
  }
}

bool exists(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0;
}

}  // namespace

Error system_failure(const std::string& path, int errno_value) {
  ErrorKind kind = ErrorKind::Unavailable;
  switch (errno_value) {
    case ENOENT:
    case ENOTDIR:
      kind = ErrorKind::NotFound;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      kind = ErrorKind::Denied;
      break;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      kind = ErrorKind::Exhausted;
      break;
    default:
      break;
  }
  return {kind, fmt::format("{}: {}", path, std::strerror(errno_value)), errno_value};
}

Result<void> make_folder_of(const std::string& file, std::optional<gid_t> readers) {
  return make_folder(std::filesystem::path(file).parent_path(), readers);
}

Result<void> make_file(const std::string& file, std::optional<gid_t> readers) {
  if (!exists(file)) {
    const systemd::UniqueFd made(open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!made.is_open() && errno != EEXIST) return system_failure(file, errno);
  }
  for (const char* companion : kCompanions) {
    if (!exists(file + companion)) continue;
    if (auto set = set_rights(file + companion, readers ? 0640 : 0600, readers); !set) return set;
  }
  return {};
}

Result<systemd::UniqueFd> lock_for_writing(const std::string& file) {
  const std::string path = file + kLockSuffix;
  systemd::UniqueFd lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.is_open()) return system_failure(path, errno);
  if (flock(lock.raw(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return system_failure(path, errno);
  return Error{ErrorKind::Busy, fmt::format("{}: another process writes it", file), EWOULDBLOCK};
}

Result<std::string> move_aside(const std::string& file, std::chrono::seconds unix_time) {
  std::string aside;
  for (std::int64_t time = unix_time.count(); aside.empty() || exists(aside); ++time)
    aside = fmt::format("{}{}{}", file, kAsideSuffix, time);
  // The file first: a log that lost its file is ignored by the new one, a file that lost its log would be an old state.
  for (const char* companion : kCompanions) {
    const bool moved = rename((file + companion).c_str(), (aside + companion).c_str()) == 0;
    if (!moved && errno != ENOENT) return system_failure(file + companion, errno);
  }
  remove_oldest_aside(file);
  return aside;
}

bool has_log(const std::string& file) {
  struct stat status {};
  return stat((file + kLogSuffix).c_str(), &status) == 0 && status.st_size > 0;
}

}  // namespace tierwall::daemon

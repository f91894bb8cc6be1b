#include "daemon/changes/write_file.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/state/state_file.h"
#include "systemd/unique_fd.h"

namespace tierwall::daemon {

namespace {

using systemd::UniqueFd;

Result<void> write_all(const UniqueFd& file, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t count = write(file.raw(), content.data(), content.size());
    if (count < 0 && errno != EINTR) return system_failure(path, errno);
    if (count > 0) content.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> move_into_place(const std::string& aside, const std::string& path) {
  if (rename(aside.c_str(), path.c_str()) != 0) return system_failure(path, errno);
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const std::string folder = parent.empty() ? "." : parent;
  const UniqueFd opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.is_open() || fsync(opened.raw()) != 0) return system_failure(folder, errno);
  return {};
}

}  // namespace

Result<void> write_file(const std::string& path, std::string_view content, const FileRights& rights) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) return system_failure(path, errno);
  if (auto written = write_all(file, content, path); !written) return written;
  if (rights.group && fchown(file.raw(), static_cast<uid_t>(-1), *rights.group) != 0)
    return system_failure(path, errno);
  if (fchmod(file.raw(), rights.mode) != 0 || fsync(file.raw()) != 0) return system_failure(path, errno);
  return {};
}

Result<void> replace_file(const std::string& path, std::string_view content, const FileRights& rights) {
  const std::string aside = path + ".tierwall-new";
  unlink(aside.c_str());  // what a killed run left may be open to others
  auto done = write_file(aside, content, rights);
  if (done) done = move_into_place(aside, path);
  if (!done) unlink(aside.c_str());
  return done;
}

}  // namespace tierwall::daemon

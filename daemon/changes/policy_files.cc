#include "daemon/changes/policy_files.h"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "daemon/changes/write_file.h"
#include "daemon/sources/load_world.h"
#include "daemon/state/state_file.h"
#include "systemd/unique_fd.h"

namespace tierwall::daemon {

namespace {

using systemd::UniqueFd;

/// Hidden, so that nobody takes it for a manifest.
constexpr std::string_view kUnfinished = ".tierwall-new";
constexpr std::size_t kLongestName = 200;
constexpr mode_t kNewFile = 0644;

/// The rights of the file that stands there, or those of a new one. Conflict if it is no ordinary file.
Result<mode_t> mode_for(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return mode_t{kNewFile};
    return system_failure(path, errno);
  }
  if (!S_ISREG(status.st_mode))
    return Error{ErrorKind::Conflict, path + ": is a link or no file; it is not replaced", EEXIST};
  return mode_t{status.st_mode & 0777};
}

}  // namespace

Result<void> check_file_name(const std::string& name) {
  const auto refuse = [&name](const char* why) { return malformed(fmt::format("file name '{}': {}", name, why)); };
  if (name.empty() || name.size() > kLongestName) return refuse("1 to 200 bytes are allowed");
  if (name.starts_with('.')) return refuse("hidden files are not read");
  const bool odd = std::ranges::any_of(name, [](char c) { return c == '/' || c == '\x7f' || (c >= 0 && c < ' '); });
  if (odd) return refuse("slashes and control characters are not allowed");
  if (!name.ends_with(".yaml") && !name.ends_with(".yml") && !name.ends_with(".json"))
    return refuse("manifests end in .yaml, .yml or .json");
  return {};
}

std::string DirectoryFiles::path_of(const std::string& name) const {
  return directory_.ends_with('/') ? directory_ + name : directory_ + "/" + name;
}

std::string DirectoryFiles::aside_of(const std::string& name) const {
  return path_of("." + name + std::string(kUnfinished));
}

Result<FileContents> DirectoryFiles::read() {
  const auto paths = list_manifest_files(directory_);
  if (!paths) return paths.error();
  FileContents files;
  for (const std::string& path : *paths) {
    auto text = read_file(path);
    if (!text) return text.error();
    files.emplace(path.substr(path.rfind('/') + 1), *std::move(text));
  }
  return files;
}

Result<void> DirectoryFiles::replace(const FileChanges& changes) {
  if (auto prepared = prepare(changes); !prepared) {
    drop_asides(changes);
    return prepared;
  }
  auto placed = put_in_place(changes);
  if (!placed) drop_asides(changes);
  return placed;
}

Result<void> DirectoryFiles::prepare(const FileChanges& changes) const {
  for (const auto& [name, content] : changes) {
    const auto mode = mode_for(path_of(name));
    if (!mode) return mode.error();
    if (!content) continue;
    if (auto written = write_file(aside_of(name), *content, {.mode = *mode}); !written) return written;
  }
  return {};
}

/// Needs no room on the disk, so it does not stop half way for want of it.
Result<void> DirectoryFiles::put_in_place(const FileChanges& changes) const {
  for (const auto& [name, content] : changes) {
    const std::string path = path_of(name);
    const int done = content ? rename(aside_of(name).c_str(), path.c_str()) : unlink(path.c_str());
    if (done != 0 && (content || errno != ENOENT)) return system_failure(path, errno);
  }
  const UniqueFd folder(open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open() || fsync(folder.raw()) != 0) return system_failure(directory_, errno);
  return {};
}

void DirectoryFiles::drop_asides(const FileChanges& changes) const {
  for (const auto& [name, content] : changes) unlink(aside_of(name).c_str());
}

}  // namespace tierwall::daemon

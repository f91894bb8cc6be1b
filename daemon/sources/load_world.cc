#include "daemon/sources/load_world.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "daemon/sources/manifest_set.h"

namespace tierwall::daemon {

namespace {

constexpr std::string_view kStandardInput = "-";
constexpr std::string_view kStandardInputName = "<stdin>";  // in locations
constexpr std::string_view kExtensions[] = {".yaml", ".yml", ".json"};
constexpr std::size_t kReadSize = 64u << 10;

Error system_error(const std::string& path) {
  const int number = errno;
  ErrorKind kind = ErrorKind::Unavailable;
  if (number == ENOENT || number == ENOTDIR) kind = ErrorKind::NotFound;
  if (number == EACCES || number == EPERM) kind = ErrorKind::Denied;
  return {kind, fmt::format("{}: {}", path, std::strerror(number)), number};
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

Result<std::string> read_descriptor(int fd, const std::string& path) {
  std::string text;
  for (;;) {
    const std::size_t length = text.size();
    if (length > kMaxManifestBytes)
      return Error{ErrorKind::Exhausted, fmt::format("{}: larger than {} MiB", path, kMaxManifestBytes >> 20)};
    text.resize(length + kReadSize);
    const ssize_t count = read(fd, text.data() + length, kReadSize);
    text.resize(length + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count == 0) return text;
    if (count < 0 && errno != EINTR) return system_error(path);
  }
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

bool is_manifest_file(const std::string& directory, const std::string& name) {
  const auto has_extension = [&name](std::string_view extension) { return name.ends_with(extension); };
  if (name.starts_with('.') || std::none_of(std::begin(kExtensions), std::end(kExtensions), has_extension))
    return false;
  struct stat status {};
  if (stat((directory + "/" + name).c_str(), &status) != 0) return true;
  return S_ISREG(status.st_mode);
}

Result<std::vector<std::string>> list_manifest_files(const std::string& directory) {
  const std::unique_ptr<DIR, CloseDirectory> opened(opendir(directory.c_str()));
  if (!opened) return system_error(directory);
  std::vector<std::string> files;
  const std::string prefix = directory.ends_with('/') ? directory : directory + "/";
  errno = 0;
  while (const dirent* entry = readdir(opened.get())) {
    if (is_manifest_file(directory, entry->d_name)) files.emplace_back(prefix).append(entry->d_name);
    errno = 0;
  }
  if (errno != 0) return system_error(directory);
  std::sort(files.begin(), files.end());
  return files;
}

Result<std::string> read_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error(path);
  auto text = read_descriptor(fd, path);
  close(fd);
  return text;
}

Result<std::vector<std::string>> list_manifests(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  std::set<std::pair<dev_t, ino_t>> seen;
  for (const std::string& path : paths) {
    std::vector<std::string> meant{path};
    if (path != kStandardInput && is_directory(path)) {
      auto listed = list_manifest_files(path);
      if (!listed) return listed.error();
      meant = *std::move(listed);
    }
    for (std::string& file : meant) {
      struct stat status {};
      const bool known = stat(file.c_str(), &status) == 0 && !seen.emplace(status.st_dev, status.st_ino).second;
      if (!known) files.push_back(std::move(file));
    }
  }
  return files;
}

Result<std::string> read_manifest(const std::string& file) {
  return file == kStandardInput ? read_descriptor(STDIN_FILENO, "standard input") : read_file(file);
}

Result<LoadedWorld> load_world(const std::vector<std::string>& paths) {
  const auto files = list_manifests(paths);
  if (!files) return files.error();
  LoadedWorld world;
  ManifestSet manifests("directory");
  // Only the last word about an object counts: applied one by one, a copy that does not count could come first.
  std::map<policy::ResourceKey, policy::ResourceEvent> events;
  for (const std::string& file : *files) {
    const auto text = read_manifest(file);
    if (!text) return text.error();
    const std::string name = file == kStandardInput ? std::string(kStandardInputName) : file;
    DecodedManifest manifest = decode_manifest(*text, name);
    world.readable = world.readable && manifest.readable;
    world.objects += manifest.objects.size();
    for (policy::ResourceEvent& event : manifests.put(name, std::move(manifest)))
      events.insert_or_assign(event.key, std::move(event));
    ++world.files;
  }
  world.problems = manifests.problems();
  for (const auto& [key, event] : events) {
    world.inventory.apply(event);
    world.problems.insert(world.problems.end(), event.problems.begin(), event.problems.end());
  }
  std::sort(world.problems.begin(), world.problems.end());
  return world;
}

}  // namespace tierwall::daemon

#include "daemon/sources/policy_directory.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "daemon/sources/decode_manifest.h"
#include "daemon/sources/inotify.h"
#include "daemon/sources/load_world.h"

namespace tierwall::daemon {

namespace {

// A file written in place is read when its writer closes it. Links are never written, so their creation counts too;
// a change of permissions can make an unreadable file readable.
constexpr std::uint32_t kFileEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ATTRIB;

/// The link a kubelet swaps when a mounted config map changes; the files are links through it and see no event.
constexpr std::string_view kConfigMapLink = "..data";

constexpr std::chrono::seconds kRetryInterval{1};
constexpr std::size_t kEventBuffer = 16u << 10;

std::string reason_of_loss(std::uint32_t mask) {
  if ((mask & IN_MOVE_SELF) != 0) return "the directory was moved away";
  if ((mask & IN_UNMOUNT) != 0) return "its file system was unmounted";
  return "the directory was deleted";
}

/// A link or a second name for a file: complete as soon as it exists.
bool appears_complete(const std::string& file) {
  struct stat status {};
  if (lstat(file.c_str(), &status) != 0) return false;
  return S_ISLNK(status.st_mode) || (S_ISREG(status.st_mode) && status.st_nlink > 1);
}

bool exists(const std::string& file) {
  struct stat status {};
  return lstat(file.c_str(), &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

}  // namespace

PolicyDirectory::Descriptor::~Descriptor() {
  close(fd_);
}

PolicyDirectory::PolicyDirectory(systemd::EventLoop& loop, std::string path, Callback on_events)
    : path_(std::move(path)),
      on_events_(std::move(on_events)),
      manifests_(std::string(kDirectorySource)),
      inotify_(make_inotify()),
      retry_(loop, systemd::Priority::Sources, [this] { rescan(); }),
      readable_(loop, inotify_.raw(), EPOLLIN, systemd::Priority::Sources, [this](std::uint32_t) { read_events(); }) {}

Result<void> PolicyDirectory::start() {
  return read_all();
}

void PolicyDirectory::remember(std::vector<policy::ResourceEvent> objects) {
  std::map<std::string, DecodedManifest> manifests;
  for (policy::ResourceEvent& object : objects) {
    DecodedManifest& manifest = manifests[object.where.file];
    manifest.objects.push_back({.key = object.key,
                                .resource = std::move(object.resource),
                                .where = std::move(object.where),
                                .object = policy::print_key(object.key),
                                .problems = std::move(object.problems),
                                .document = std::move(object.document)});
  }
  // What changed is known to whoever remembered.
  for (auto& [file, manifest] : manifests) manifests_.put(file, std::move(manifest));
}

void PolicyDirectory::rescan() {
  static_cast<void>(read_all());  // failure_ says what went wrong
}

std::vector<policy::Diagnostic> PolicyDirectory::problems() const {
  std::vector<policy::Diagnostic> all = manifests_.problems();
  for (const auto& [file, reason] : unreadable_)
    all.push_back({.where = {.file = file, .line = 0, .column = 0},
                   .severity = policy::Severity::Error,
                   .object = {},
                   .field = {},
                   .message = fmt::format("cannot be read: {}; objects it gave before stay in force", reason)});
  std::sort(all.begin(), all.end());
  return all;
}

/// Watches first and reads then, so that nothing that happens in between is missed.
Result<void> PolicyDirectory::read_all() {
  if (const auto watched = watch_directory(); !watched) {
    lose_directory(watched.error().message);
    return watched.error();
  }
  const auto files = list_manifest_files(path_);
  if (!files) {
    lose_directory(files.error().message);
    return files.error();
  }
  const bool regained = std::exchange(failure_, std::nullopt).has_value();
  retry_.stop();
  Batch batch;
  const std::set<std::string> listed(files->begin(), files->end());
  for (const std::string& file : known_files()) {
    if (listed.count(file) == 0) forget(file, batch);
  }
  for (const std::string& file : listed) {
    const auto stamp = stamps_.find(file);
    if (stamp == stamps_.end() || stamp->second != read_stamp(file)) read_one(file, batch);
  }
  last_read_ = std::chrono::system_clock::now();
  publish(std::move(batch));
  if (regained && on_health_change_) on_health_change_();
  return {};
}

Result<void> PolicyDirectory::watch_directory() {
  const int watch =
      inotify_add_watch(inotify_.raw(), path_.c_str(), kFileEvents | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
  if (watch < 0) {
    const int number = errno;
    const ErrorKind kind = number == ENOENT || number == ENOTDIR ? ErrorKind::NotFound
                           : number == EACCES                    ? ErrorKind::Denied
                                                                 : ErrorKind::Unavailable;
    return Error{kind, fmt::format("{}: {}", path_, std::strerror(number)), number};
  }
  // The path may lead to another directory than before.
  if (watch_ != -1 && watch_ != watch) inotify_rm_watch(inotify_.raw(), watch_);
  watch_ = watch;
  return {};
}

void PolicyDirectory::lose_directory(std::string reason) {
  if (watch_ != -1) inotify_rm_watch(inotify_.raw(), watch_);  // fails if the kernel dropped it already
  watch_ = -1;
  const bool news = failure_ != reason;
  failure_ = std::move(reason);
  retry_.start(kRetryInterval);
  if (news && on_health_change_) on_health_change_();
}

void PolicyDirectory::read_events() {
  alignas(inotify_event) std::array<char, kEventBuffer> buffer{};
  for (;;) {
    const ssize_t length = read(inotify_.raw(), buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) break;
    for (std::size_t at = 0; at < static_cast<std::size_t>(length);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = buffer.data() + at + sizeof event;
      note_event(event.mask, event.wd, event.len > 0 ? std::string(name) : std::string());
      at += sizeof event + event.len;
    }
  }
  apply_noted();
}

void PolicyDirectory::note_event(std::uint32_t mask, int watch, const std::string& name) {
  if ((mask & IN_Q_OVERFLOW) != 0) {
    rescan_noted_ = true;
  } else if (watch != watch_) {
    return;  // of a watch that was given up
  } else if ((mask & kLossEvents) != 0) {
    if (!loss_noted_) loss_noted_ = fmt::format("{}: {}", path_, reason_of_loss(mask));
  } else if (name == kConfigMapLink) {
    rescan_noted_ = true;
  } else if (!name.empty()) {
    note_file(mask, name);
  }
}

void PolicyDirectory::note_file(std::uint32_t mask, const std::string& name) {
  const std::string file = path_of(name);
  const bool finished = (mask & (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)) != 0;
  const bool created = (mask & IN_CREATE) != 0 && appears_complete(file);
  const bool unlocked = (mask & IN_ATTRIB) != 0 && unreadable_.count(file) > 0;
  if (finished || created || unlocked) noted_.insert(name);
}

void PolicyDirectory::apply_noted() {
  const std::set<std::string> names = std::exchange(noted_, {});
  const auto loss = std::exchange(loss_noted_, std::nullopt);
  const bool rescan_wanted = std::exchange(rescan_noted_, false);
  if (loss) {
    lose_directory(*loss);
  } else if (rescan_wanted) {
    // Events may be missing, and times of files may be too coarse to show the last change of those that were noted.
    for (const std::string& name : names) stamps_.erase(path_of(name));
    rescan();
  } else {
    Batch batch;
    for (const std::string& name : names) look_at(name, batch);
    publish(std::move(batch));
  }
}

void PolicyDirectory::look_at(const std::string& name, Batch& batch) {
  const std::string file = path_of(name);
  if (is_manifest_file(path_, name) && exists(file))
    read_one(file, batch);
  else
    forget(file, batch);
}

void PolicyDirectory::read_one(const std::string& file, Batch& batch) {
  batch.read = true;
  const Stamp stamp = read_stamp(file);  // before the content: a change in between shows at the next rescan
  const auto text = read_file(file);
  if (!text && !exists(file)) {
    forget(file, batch);
  } else if (!text) {
    stamps_.erase(file);
    const Error& error = text.error();
    unreadable_.insert_or_assign(file, error.errno_value != 0 ? std::strerror(error.errno_value) : error.message);
  } else {
    unreadable_.erase(file);
    stamps_.insert_or_assign(file, stamp);
    last_read_ = std::chrono::system_clock::now();
    for (policy::ResourceEvent& event : manifests_.put(file, decode_manifest(*text, file)))
      batch.events.insert_or_assign(event.key, std::move(event));
  }
}

void PolicyDirectory::forget(const std::string& file, Batch& batch) {
  batch.read = true;
  stamps_.erase(file);
  unreadable_.erase(file);
  for (policy::ResourceEvent& event : manifests_.remove(file))
    batch.events.insert_or_assign(event.key, std::move(event));
}

void PolicyDirectory::publish(Batch&& batch) {
  if (!batch.read) return;
  std::vector<policy::ResourceEvent> events;
  events.reserve(batch.events.size());
  for (auto& [key, event] : batch.events) events.push_back(std::move(event));
  on_events_(std::move(events));
}

PolicyDirectory::Stamp PolicyDirectory::read_stamp(const std::string& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) return {};
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = status.st_size,
          .seconds = status.st_mtim.tv_sec,
          .nanoseconds = status.st_mtim.tv_nsec};
}

/// As list_manifest_files() writes it, so that a file has one name only.
std::string PolicyDirectory::path_of(const std::string& name) const {
  return path_.ends_with('/') ? path_ + name : path_ + "/" + name;
}

std::set<std::string> PolicyDirectory::known_files() const {
  std::set<std::string> files = manifests_.files();
  for (const auto& [file, reason] : unreadable_) files.insert(file);
  return files;
}

}  // namespace tierwall::daemon

#pragma once
// The policy directory as a source: reads every manifest in it at start, then follows it with inotify and tells what
// changed as resource events. What it cannot read any more (a file, the whole directory) keeps the objects it gave
// before, and says so. Lives on the loop's thread; never logs.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/sources/manifest_set.h"
#include "policy/diagnostic.h"
#include "policy/inventory.h"
#include "policy/result.h"
#include "systemd/event_loop.h"

namespace tierwall::daemon {

inline constexpr std::string_view kDirectorySource = "directory";

class PolicyDirectory {
 public:
  /// Gets at most one event per object and call; is never called with an empty list.
  /// Called after every reading with the objects that changed: none if only problems() differ.
  using Callback = std::function<void(std::vector<policy::ResourceEvent>)>;

  PolicyDirectory(systemd::EventLoop& loop, std::string path, Callback on_events);
  PolicyDirectory(const PolicyDirectory&) = delete;
  PolicyDirectory& operator=(const PolicyDirectory&) = delete;

  /// Watches and reads the directory; the callback runs before this returns. NotFound or Denied if the directory
  /// cannot be read: it is then tried again every second.
  Result<void> start();
  /// Objects that files of this directory gave an earlier process: they count until the directory says otherwise.
  /// Before start() only. The callback does not hear of them.
  void remember(std::vector<policy::ResourceEvent> objects);
  /// Looks at every file again; decodes those whose size, time or inode changed since they were read.
  void rescan();

  /// `on_change` is called whenever failure() became another than it was, after the events of that step; also when a
  /// directory that could not be read at start was read at last and is empty.
  void watch_health(std::function<void()> on_change) { on_health_change_ = std::move(on_change); }

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Why the directory as a whole cannot be read; absent while it can.
  [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }
  /// Files whose objects count.
  [[nodiscard]] std::size_t file_count() const { return manifests_.file_count(); }
  [[nodiscard]] std::size_t object_count() const { return manifests_.object_count(); }
  /// Every place the object is written at.
  [[nodiscard]] std::vector<policy::Location> places_of(const policy::ResourceKey& key) const {
    return manifests_.places_of(key);
  }
  /// When a file or the directory was last read with success; the epoch before that.
  [[nodiscard]] std::chrono::system_clock::time_point last_read() const { return last_read_; }
  /// Problems that belong to no object: files and documents that cannot be read, unknown kinds. Sorted by place.
  [[nodiscard]] std::vector<policy::Diagnostic> problems() const;

 private:
  /// What tells one content of a file from the next without reading it.
  struct Stamp {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;

    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  /// The events of one step, the last one per object.
  /// What one round of reading brought.
  struct Batch {
    std::map<policy::ResourceKey, policy::ResourceEvent> events;
    bool read = false;  ///< some file was read or forgotten, so problems() may differ
  };

  /// Close-on-exec, closed with its owner.
  class Descriptor {
   public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor();
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int raw() const { return fd_; }

   private:
    int fd_;
  };

  static Stamp read_stamp(const std::string& file);

  Result<void> read_all();
  Result<void> watch_directory();
  void lose_directory(std::string reason);
  void read_events();
  void note_event(std::uint32_t mask, int watch, const std::string& name);
  void note_file(std::uint32_t mask, const std::string& name);
  void apply_noted();
  void look_at(const std::string& name, Batch& batch);
  void read_one(const std::string& file, Batch& batch);
  void forget(const std::string& file, Batch& batch);
  [[nodiscard]] std::string path_of(const std::string& name) const;
  [[nodiscard]] std::set<std::string> known_files() const;
  void publish(Batch&& batch);

  std::string path_;
  Callback on_events_;
  std::function<void()> on_health_change_;
  ManifestSet manifests_;
  std::map<std::string, Stamp> stamps_;            // of every file that was read, by its path
  std::map<std::string, std::string> unreadable_;  // path -> why
  std::optional<std::string> failure_;
  std::chrono::system_clock::time_point last_read_{};
  int watch_ = -1;               // inotify's number for the directory
  std::set<std::string> noted_;  // names of files to look at in this step
  bool rescan_noted_ = false;
  std::optional<std::string> loss_noted_;  // why the directory went away in this step
  Descriptor inotify_;
  systemd::Timer retry_;
  systemd::IoWatch readable_;
};

}  // namespace tierwall::daemon

#include "daemon/sources/cni_results.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include <sys/epoll.h>
#include <sys/inotify.h>

#include "daemon/sources/decode_reader.h"
#include "daemon/sources/inotify.h"
#include "daemon/sources/load_world.h"
#include "daemon/sources/read_yaml.h"

namespace tierwall::daemon {

namespace {

// libcni writes the file in place and removes it when the sandbox goes.
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;

/// cniArgs is a list of pairs: [["K8S_POD_NAMESPACE", "shop"], ...].
std::string argument(const Node& root, std::string_view key) {
  const Node* arguments = root.find("cniArgs");
  if (arguments == nullptr) return {};
  for (const Node& pair : arguments->items) {
    if (pair.items.size() == 2 && pair.items[0].text == key) return pair.items[1].text;
  }
  return {};
}

Result<std::vector<policy::Address>> addresses_of(const Node& root) {
  std::vector<policy::Address> addresses;
  const Node* result = root.find("result");
  const Node* ips = result != nullptr ? result->find("ips") : nullptr;
  if (ips == nullptr) return addresses;
  for (const Node& ip : ips->items) {
    const Node* written = ip.find("address");
    if (written == nullptr) continue;
    const std::string text = written->text.substr(0, written->text.find('/'));
    const auto address = policy::parse_address(text);
    if (!address) return address.error().in("result.ips");
    addresses.push_back(*address);
  }
  return addresses;
}

}  // namespace

Result<std::optional<policy::PodSandbox>> parse_cni_result(std::string_view text, const std::string& file_name) {
  DocumentStream stream = read_yaml(text, file_name);  // JSON is YAML
  if (!stream.problems.empty()) return malformed(stream.problems.front().message);
  if (stream.documents.size() != 1 || stream.documents[0].kind != Node::Kind::Map) {
    return malformed("is no JSON object");
  }
  const Node& root = stream.documents[0];
  const std::string ns = argument(root, "K8S_POD_NAMESPACE");
  const std::string pod = argument(root, "K8S_POD_NAME");
  if (ns.empty() || pod.empty()) return std::optional<policy::PodSandbox>{};
  auto addresses = addresses_of(root);
  if (!addresses) return addresses.error();
  return std::optional(policy::PodSandbox{ns, file_name, pod, *std::move(addresses)});
}

CniResults::CniResults(systemd::EventLoop& loop, std::string path, Callback on_events)
    : path_(std::move(path)),
      on_events_(std::move(on_events)),
      inotify_(make_inotify()),
      readable_(loop, inotify_.raw(), EPOLLIN, systemd::Priority::Sources, [this](std::uint32_t) { read_notices(); }) {}

void CniResults::start() {
  read_all();
}

bool CniResults::watch_folder() {
  watch_ = inotify_add_watch(inotify_.raw(), path_.c_str(), kEvents | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
  return watch_ >= 0;
}

void CniResults::watch_above() {
  const std::filesystem::path folder(path_);
  for (auto above = folder.parent_path(); !above.empty(); above = above.parent_path()) {
    above_watch_ = inotify_add_watch(inotify_.raw(), above.c_str(), IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
    if (above_watch_ >= 0 || above == above.parent_path()) return;
  }
}

/// Watches first and reads then, so that nothing that happens in between is missed.
void CniResults::read_all() {
  if (above_watch_ >= 0) inotify_rm_watch(inotify_.raw(), std::exchange(above_watch_, -1));
  if (!watch_folder()) {
    watch_above();
    if (!watch_folder()) return;
  }
  std::vector<policy::ResourceEvent> events;
  std::set<std::string> present;
  std::error_code failed;
  for (auto entry = std::filesystem::directory_iterator(path_, failed); !failed && entry != std::filesystem::end(entry);
       entry.increment(failed)) {
    present.insert(entry->path().filename().string());
  }
  const auto known = sandboxes_;
  for (const auto& [name, sandbox] : known) {
    if (present.count(name) == 0) forget(name, events);
  }
  for (const std::string& name : present) look_at(name, events);
  publish(std::move(events));
}

void CniResults::read_notices() {
  alignas(inotify_event) std::array<char, 16U << 10> buffer{};
  std::vector<policy::ResourceEvent> events;
  bool start_over = false;
  for (;;) {
    const ssize_t length = read(inotify_.raw(), buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) break;
    for (std::size_t at = 0; at < static_cast<std::size_t>(length);) {
      inotify_event notice{};
      std::memcpy(&notice, buffer.data() + at, sizeof notice);
      const bool of_folder = notice.wd == watch_;
      const bool lost = of_folder && (notice.mask & kLossEvents) != 0;
      if (lost || notice.wd == above_watch_ || (notice.mask & IN_Q_OVERFLOW) != 0) start_over = true;
      if (of_folder && notice.len > 0) look_at(buffer.data() + at + sizeof notice, events);
      at += sizeof notice + notice.len;
    }
  }
  publish(std::move(events));
  if (start_over) read_all();
}

void CniResults::look_at(const std::string& name, std::vector<policy::ResourceEvent>& events) {
  const auto text = read_file(path_ + "/" + name);
  if (!text) return forget(name, events);
  auto sandbox = parse_cni_result(*text, name);
  if (!sandbox) {
    // What a half-written file said before stays; the runtime finishes it, or removes it.
    problems_[name] = sandbox.error().message;
    return;
  }
  problems_.erase(name);
  if (!*sandbox) return forget(name, events);
  const auto known = sandboxes_.find(name);
  if (known != sandboxes_.end() && known->second == **sandbox) return;
  if (known != sandboxes_.end() && policy::key_of(known->second) != policy::key_of(**sandbox)) forget(name, events);
  sandboxes_[name] = **sandbox;
  events.push_back({.source = std::string(kCniSource),
                    .key = policy::key_of(**sandbox),
                    .change = policy::ResourceEvent::Change::Upsert,
                    .resource = policy::Resource(**sandbox),
                    .where = {.file = path_ + "/" + name, .line = 0, .column = 0},
                    .problems = {}});
}

void CniResults::forget(const std::string& name, std::vector<policy::ResourceEvent>& events) {
  problems_.erase(name);
  const auto known = sandboxes_.find(name);
  if (known == sandboxes_.end()) return;
  events.push_back({.source = std::string(kCniSource),
                    .key = policy::key_of(known->second),
                    .change = policy::ResourceEvent::Change::Gone,
                    .resource = std::nullopt,
                    .where = {},
                    .problems = {}});
  sandboxes_.erase(known);
}

void CniResults::publish(std::vector<policy::ResourceEvent> events) {
  if (!events.empty()) on_events_(std::move(events));
}

}  // namespace tierwall::daemon

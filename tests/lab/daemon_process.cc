#include "tests/lab/daemon_process.h"

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/control/control_client.h"

namespace tierwall::lab {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPause{5};
constexpr milliseconds kSettled{50};

void write_file(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

std::string quoted(const fs::path& path) {
  return "\"" + path.string() + "\"\n";
}

std::string config_text(const fs::path& directory, const DaemonOptions& options) {
  std::string text = "[node]\nname = \"node-1\"\ncni_results = " + quoted(directory / "cni");
  if (!options.pod_cidrs.empty()) text += "pod_cidrs = [";
  for (const std::string& cidr : options.pod_cidrs) text += "\"" + cidr + "\", ";
  if (!options.pod_cidrs.empty()) text += "]\n";
  if (options.kubeconfig.empty()) {
    text += "[source.directory]\npath = " + quoted(directory / "policy.d");
  } else {
    text += "[source.kubernetes]\nkubeconfig = " + quoted(directory / "kubeconfig");
  }
  text += "[state]\npath = " + quoted(directory / "state" / "state.db");
  text += "[control]\nsocket = " + quoted(directory / "control.sock");
  return text + options.extra_config;
}

}  // namespace

void enter_private_run() {
  if (::unshare(CLONE_NEWNS) != 0) throw_errno("make a mount namespace");
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) throw_errno("make mounts private");
  if (::mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") != 0) throw_errno("mount over /run");
}

void pretend_reboot() {
  static int boots = 0;
  const std::string file = "/run/boot-id-" + std::to_string(++boots);
  std::string id = "00000000-0000-4000-8000-000000000000";
  id.back() = static_cast<char>('0' + boots % 10);
  write_file(file, id + "\n");
  if (::mount(file.c_str(), "/proc/sys/kernel/random/boot_id", nullptr, MS_BIND, nullptr) != 0)
    throw_errno("mount over the boot id");
}

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = "/run/tierwall-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw_errno("make a temporary directory");
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

NotifySocket::NotifySocket(const fs::path& path) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path) throw std::runtime_error("the temporary directory's path is too long");
  text.copy(address.sun_path, text.size());
  fs::remove(path);
  if (::bind(socket_.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw_errno("bind " + text);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void NotifySocket::run(const std::stop_token& stop) {
  std::array<char, 4096> buffer{};
  while (!stop.stop_requested()) {
    pollfd watched{socket_.number(), POLLIN, 0};
    if (::poll(&watched, 1, 20) <= 0) continue;
    const ssize_t count = ::recv(socket_.number(), buffer.data(), buffer.size(), 0);
    if (count <= 0) continue;
    const std::string message = "\n" + std::string(buffer.data(), static_cast<std::size_t>(count)) + "\n";
    if (message.find("\nREADY=1\n") != std::string::npos) ++ready_count_;
  }
}

Daemon::Daemon(const Host& node, Programs programs, const DaemonOptions& options)
    : node_(node), programs_(std::move(programs)), log_(make_memory_file()) {
  fs::create_directory(policy_directory());
  fs::create_directory(cni_results());
  if (!options.kubeconfig.empty()) write_kubeconfig(options.kubeconfig);
  configure(options);
}

void Daemon::configure(const DaemonOptions& options) const {
  write_file(directory_.path() / "tierwall.toml", config_text(directory_.path(), options));
}

void Daemon::write_kubeconfig(const std::string& text) const {
  write_beside_kubeconfig("kubeconfig", text);
}

void Daemon::write_beside_kubeconfig(const std::string& name, const std::string& text) const {
  const fs::path aside = directory_.path() / ("aside-" + name);
  write_file(aside, text);
  fs::rename(aside, directory_.path() / name);
}

int Daemon::restore() {
  const CommandOutcome outcome =
      run_command({.argv = {programs_.tierwalld, "--config", (directory_.path() / "tierwall.toml").string(), "restore"},
                   .inside = &node_.network,
                   .output = log_.number(),
                   .errors = log_.number()});
  return outcome.status;
}

void Daemon::start() {
  const fs::path socket = directory_.path() / "notify.sock";
  notify_ = std::make_unique<NotifySocket>(socket);
  process_ = std::make_unique<ChildProcess>(
      Launch{.argv = {programs_.tierwalld, "--config", (directory_.path() / "tierwall.toml").string()},
             .inside = &node_.network,
             .environment = {"NOTIFY_SOCKET=" + socket.string()},
             .output = log_.number(),
             .errors = log_.number()});
  wait_ready(1);
}

void Daemon::reload() {
  const int before = notify_->ready_count();
  process_->signal(SIGHUP);
  wait_ready(before + 1);
}

void Daemon::wait_ready(int count) {
  const Clock::time_point deadline = Clock::now() + std::chrono::seconds(20);
  while (notify_->ready_count() < count) {
    if (process_->wait(kPause)) throw std::runtime_error("tierwalld ended instead of getting ready:\n" + log());
    if (Clock::now() > deadline) throw std::runtime_error("tierwalld does not get ready:\n" + log());
  }
}

void Daemon::kill() {
  process_->signal(SIGKILL);
  process_->wait(std::chrono::seconds(10));
}

int Daemon::stop() {
  process_->signal(SIGTERM);
  const std::optional<int> status = process_->wait(std::chrono::seconds(10));
  if (!status) throw std::runtime_error("tierwalld does not stop:\n" + log());
  return *status;
}

void Daemon::write_manifest(const std::string& name, const std::string& text) const {
  const fs::path aside = directory_.path() / ("aside-" + name);
  write_file(aside, text);
  fs::rename(aside, fs::path(policy_directory()) / name);
}

void Daemon::copy_manifests(const std::vector<fs::path>& files) const {
  for (const fs::path& file : files) fs::copy_file(file, directory_.path() / file.filename());
  for (const fs::path& file : files)
    fs::rename(directory_.path() / file.filename(), fs::path(policy_directory()) / file.filename());
}

void Daemon::remove_manifest(const std::string& name) const {
  fs::remove(fs::path(policy_directory()) / name);
}

CommandOutcome Daemon::ask(std::vector<std::string> verb) const {
  verb.insert(verb.begin(), programs_.tierwall);
  verb.insert(verb.end(), {"--socket", control_socket()});
  return run_command({.argv = std::move(verb)});
}

CommandOutcome Daemon::ask_offline(std::vector<std::string> verb) const {
  verb.insert(verb.begin(), programs_.tierwall);
  return run_command({.argv = std::move(verb), .directory = directory_.path().string()});
}

daemon::StatusReport Daemon::status() const {
  const Result<daemon::Json> reply = daemon::call(control_socket(), "GetStatus", daemon::Json::object());
  if (!reply) throw std::runtime_error("no status: " + reply.error().message + "\n" + log());
  if (!reply->contains("status")) throw std::runtime_error("no status in " + reply->dump());
  Result<daemon::StatusReport> report = daemon::status_from_json(reply->at("status"));
  if (!report) throw std::runtime_error("no status: " + report.error().message);
  return *std::move(report);
}

daemon::StatusReport Daemon::wait_until(const std::function<bool(const daemon::StatusReport&)>& done,
                                        milliseconds timeout) const {
  const Clock::time_point deadline = Clock::now() + timeout;
  for (;;) {
    daemon::StatusReport report = status();
    if (done(report)) return report;
    if (Clock::now() > deadline)
      throw std::runtime_error("waited in vain; the status is " + daemon::to_json(report).dump(2) + "\n" + log());
    std::this_thread::sleep_for(kPause);
  }
}

std::uint64_t Daemon::generation() const {
  const daemon::StatusReport report = status();
  return report.applied ? report.applied->generation : 0;
}

daemon::StatusReport Daemon::wait_settled(std::uint64_t before,
                                          const std::function<bool(const daemon::StatusReport&)>& was_read) const {
  std::uint64_t seen = 0;
  return wait_until([&](const daemon::StatusReport& report) {
    const bool applied = report.applied && report.applied->generation > before &&
                         report.state != daemon::State::Starting && !report.sources.empty() && was_read(report);
    if (!applied || std::exchange(seen, report.applied->generation) == report.applied->generation) return applied;
    std::this_thread::sleep_for(kSettled);  // several objects may arrive as several generations
    return false;
  });
}

daemon::StatusReport Daemon::wait_applied(std::uint64_t before) const {
  const auto files = std::distance(fs::directory_iterator(policy_directory()), fs::directory_iterator());
  return wait_settled(before, [files](const daemon::StatusReport& report) {
    return report.sources.front().files == static_cast<std::size_t>(files);
  });
}

}  // namespace tierwall::lab

#include "daemon/sources/kubernetes/exec_credential.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "daemon/sources/document.h"
#include "daemon/sources/kubernetes/base64.h"
#include "daemon/sources/load_world.h"
#include "daemon/sources/rfc3339.h"
#include "systemd/unique_fd.h"

namespace tierwall::daemon {

namespace {

constexpr std::size_t kReadSize = 16u << 10;
constexpr std::size_t kComplaintSize = 1024;  // of standard error, in which the first line is looked for
constexpr std::string_view kKind = "ExecCredential";

using nlohmann::json;

// ---- what a plugin is told -----------------------------------------------------------------------------------

json cluster_info(const ServerAccess& access) {
  json cluster = {{"server", access.server}};
  std::string authority = access.ca_data;
  if (!access.ca_file.empty()) {
    // A file that cannot be read is told to the operator when the connection is made.
    if (const auto text = read_file(access.ca_file)) authority = *text;
  }
  if (!access.tls_server_name.empty()) cluster["tls-server-name"] = access.tls_server_name;
  if (access.insecure) cluster["insecure-skip-tls-verify"] = true;
  if (!authority.empty()) cluster["certificate-authority-data"] = encode_base64(authority);
  if (!access.proxy_url.empty()) cluster["proxy-url"] = access.proxy_url.reveal();
  if (access.disable_compression) cluster["disable-compression"] = true;
  if (!access.exec->cluster_config.empty())
    cluster["config"] = json::parse(access.exec->cluster_config, nullptr, /*allow_exceptions=*/false);
  return cluster;
}

/// "NAME=VALUE" of the daemon's own environment with the plugin's on top.
std::vector<std::string> environment_of(const ServerAccess& access) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t end = text.find('=');
    if (end != std::string_view::npos) variables.emplace(text.substr(0, end), text.substr(end + 1));
  }
  for (const EnvironmentVariable& variable : access.exec->environment)
    variables.insert_or_assign(variable.name, variable.value.reveal());
  variables.insert_or_assign("KUBERNETES_EXEC_INFO", exec_info(access));
  std::vector<std::string> texts;
  texts.reserve(variables.size());
  for (const auto& [name, value] : variables) texts.push_back(fmt::format("{}={}", name, value));
  return texts;
}

/// What C wants: writable pointers with a null at the end. Lives no longer than the texts.
std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// ---- what a plugin answers -----------------------------------------------------------------------------------

std::string text_of(const json& object, const char* name) {
  const auto field = object.find(name);
  return field != object.end() && field->is_string() ? field->get<std::string>() : std::string();
}

/// The first line, without control characters.
std::string first_line(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return {};
  text.remove_prefix(start);
  std::string line(text.substr(0, text.find('\n')));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return line.substr(0, line.find_last_not_of(' ') + 1);
}

struct Pipe {
  systemd::UniqueFd reader;
  systemd::UniqueFd writer;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return Error{ErrorKind::Exhausted, "cannot create a pipe", errno};
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return Pipe{systemd::UniqueFd(ends[0]), systemd::UniqueFd(ends[1])};
}

/// By hand, because <sys/pidfd.h> of glibc 2.36 forgets that C++ needs extern "C". Close-on-exec.
systemd::UniqueFd open_process(pid_t pid) {
  return systemd::UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

/// posix_spawn's two descriptions of the child, freed with their owner. Setting them up fails only without memory.
class SpawnSettings {
 public:
  SpawnSettings(int output, int complaint) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, complaint, STDERR_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes_);
    // A group of its own, so that what the plugin starts can be ended with it. The daemon blocks the signals it
    // watches and ignores SIGPIPE; a plugin shall not inherit that.
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes_, 0);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    for (const int number : {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGCHLD}) sigaddset(&signals, number);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

std::string exec_info(const ServerAccess& access) {
  json info = {{"apiVersion", access.exec->api_version}, {"kind", kKind}, {"spec", {{"interactive", false}}}};
  if (access.exec->provide_cluster_info) info["spec"]["cluster"] = cluster_info(access);
  return info.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<ExecCredential> parse_exec_credential(std::string_view text, std::string_view api_version) {
  const json answer = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object()) return malformed("its output is no JSON object");
  if (text_of(answer, "kind") != kKind) return malformed("its output is no ExecCredential");
  if (const std::string version = text_of(answer, "apiVersion"); version != api_version)
    return malformed(fmt::format("it answered with apiVersion {}, but {} was asked for", quote(version), api_version));
  const auto status = answer.find("status");
  if (status == answer.end() || !status->is_object()) return malformed("its ExecCredential has no status");

  ExecCredential credential{.token = Secret(text_of(*status, "token")),
                            .client_certificate = text_of(*status, "clientCertificateData"),
                            .client_key = Secret(text_of(*status, "clientKeyData"))};
  if (!is_header_text(credential.token.reveal())) return malformed("its token holds a control character");
  if (credential.client_certificate.empty() != credential.client_key.empty())
    return malformed("it brought one of certificate and key, but not both");
  if (credential.token.empty() && credential.client_certificate.empty())
    return malformed("its ExecCredential has neither a token nor a client certificate");
  if (const auto expiry = status->find("expirationTimestamp"); expiry != status->end() && !expiry->is_null()) {
    credential.expires = parse_rfc3339(text_of(*status, "expirationTimestamp"));
    if (!credential.expires) return malformed("its expirationTimestamp is no time like 2026-01-31T12:00:00Z");
  }
  return credential;
}

// ---- one run -------------------------------------------------------------------------------------------------

/// A plugin that was started. Its watches are destroyed by step(), never inside their own callbacks.
struct ExecPluginRunner::Run {
  Run(systemd::EventLoop& loop, std::function<void()> on_deadline)
      : deadline(loop, systemd::Priority::Sources, std::move(on_deadline)) {}
  /// Waits for a moment only: what was killed is about to end.
  ~Run() {
    if (pid > 0 && !ended) {
      kill(-pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  pid_t pid = 0;
  bool ended = false;  ///< and waited for, or never started
  siginfo_t end{};
  std::string gave_up;  ///< why it was killed or could not be started; empty otherwise
  std::string output;
  bool output_open = true;
  std::string complaint;
  bool complaint_open = true;

  systemd::UniqueFd process;
  systemd::UniqueFd output_pipe;
  systemd::UniqueFd complaint_pipe;
  systemd::Timer deadline;
  std::optional<systemd::IoWatch> process_watch;
  std::optional<systemd::IoWatch> output_watch;
  std::optional<systemd::IoWatch> complaint_watch;
};

ExecPluginRunner::ExecPluginRunner(systemd::EventLoop& loop, ServerAccess access, ExecLimits limits, Callback on_done)
    : loop_(loop),
      access_(std::move(access)),
      limits_(limits),
      on_done_(std::move(on_done)),
      step_(loop, systemd::Priority::Sources, [this] { step(); }) {
  TIERWALL_CHECK(access_.exec.has_value());
}

ExecPluginRunner::~ExecPluginRunner() = default;

void ExecPluginRunner::start() {
  if (run_) return;
  const auto on_deadline = [this] {
    give_up(*run_, fmt::format("it did not end within {} s",
                               std::chrono::duration_cast<std::chrono::duration<double>>(limits_.time).count()));
  };
  run_ = std::make_unique<Run>(loop_, on_deadline);
  if (const auto spawned = spawn(*run_); !spawned) {
    run_->gave_up = spawned.error().message;
    if (run_->pid == 0) run_->ended = true;
    run_->process_watch.reset();
    step_.request();
    return;
  }
  watch(*run_);
}

Result<void> ExecPluginRunner::spawn(Run& run) {
  auto output = make_pipe();
  if (!output) return output.error();
  auto complaint = make_pipe();
  if (!complaint) return complaint.error();
  std::vector<std::string> arguments = {access_.exec->command};
  arguments.insert(arguments.end(), access_.exec->arguments.begin(), access_.exec->arguments.end());
  std::vector<std::string> environment = environment_of(access_);
  const SpawnSettings settings(output->writer.raw(), complaint->writer.raw());
  pid_t pid = 0;
  const int failed = posix_spawnp(&pid, access_.exec->command.c_str(), settings.actions(), settings.attributes(),
                                  pointers_to(arguments).data(), pointers_to(environment).data());
  if (failed != 0) {
    const std::string& hint = access_.exec->install_hint;
    const std::string advice = failed == ENOENT && !hint.empty() ? fmt::format("; {}", first_line(hint)) : "";
    return Error{ErrorKind::Denied, fmt::format("cannot be started: {}{}", std::strerror(failed), advice), failed};
  }
  run.pid = pid;
  run.process = open_process(pid);
  if (!run.process.is_open()) return Error{ErrorKind::Denied, "cannot be watched", errno};
  run.output_pipe = std::move(output->reader);
  run.complaint_pipe = std::move(complaint->reader);
  return {};
}

void ExecPluginRunner::watch(Run& run) {
  const auto priority = systemd::Priority::Sources;
  run.output_watch.emplace(loop_, run.output_pipe.raw(), EPOLLIN, priority,
                           [this](std::uint32_t) { read_output(*run_); });
  run.complaint_watch.emplace(loop_, run.complaint_pipe.raw(), EPOLLIN, priority,
                              [this](std::uint32_t) { read_complaint(*run_); });
  run.process_watch.emplace(loop_, run.process.raw(), EPOLLIN, priority, [this](std::uint32_t) { reap(*run_); });
  run.deadline.start(limits_.time);
}

void ExecPluginRunner::read_output(Run& run) {
  std::array<char, kReadSize> buffer{};
  while (run.output_open) {
    const ssize_t length = read(run.output_pipe.raw(), buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && errno == EAGAIN) return;
    if (length > 0) run.output.append(buffer.data(), static_cast<std::size_t>(length));
    const bool too_much = run.output.size() > limits_.output;
    if (too_much) give_up(run, fmt::format("it wrote more than {} bytes", limits_.output));
    if (length <= 0 || too_much) run.output_open = false;
  }
  step_.request();
}

/// Everything is read, so that the plugin does not wait for us; only the beginning is kept.
void ExecPluginRunner::read_complaint(Run& run) {
  std::array<char, kReadSize> buffer{};
  while (run.complaint_open) {
    const ssize_t length = read(run.complaint_pipe.raw(), buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0) {
      run.complaint_open = false;
      step_.request();
      return;
    }
    run.complaint.append(buffer.data(), static_cast<std::size_t>(length));
    if (run.complaint.size() > kComplaintSize) run.complaint.resize(kComplaintSize);
    if (static_cast<std::size_t>(length) < buffer.size()) return;  // others on the loop want their turn, too
  }
}

/// The process ended. What it wrote is in the pipes by now; a child of its own may hold them open for ever.
void ExecPluginRunner::reap(Run& run) {
  if (run.ended || waitid(P_PIDFD, static_cast<id_t>(run.process.raw()), &run.end, WEXITED | WNOHANG) != 0 ||
      run.end.si_pid == 0)
    return;
  run.ended = true;
  read_output(run);
  read_complaint(run);
  step_.request();
}

void ExecPluginRunner::give_up(Run& run, std::string why) {
  if (run.gave_up.empty()) run.gave_up = std::move(why);
  if (!run.ended) kill(-run.pid, SIGKILL);
}

void ExecPluginRunner::step() {
  if (!run_) return;
  if (!run_->output_open) run_->output_watch.reset();
  if (!run_->complaint_open) run_->complaint_watch.reset();
  if (!run_->ended && run_->process.is_open()) return;
  const auto result = conclude(*run_);
  run_.reset();
  on_done_(result);
}

Error ExecPluginRunner::failure(std::string_view why) const {
  return {ErrorKind::Denied, fmt::format("{}: exec plugin {}: {}", access_.origin, access_.exec->command, why), 0};
}

Result<ExecCredential> ExecPluginRunner::conclude(const Run& run) const {
  const std::string line = first_line(run.complaint);
  const std::string said = line.empty() ? "" : ": " + line;
  if (!run.gave_up.empty()) return failure(run.gave_up + said);
  if (run.end.si_code != CLD_EXITED)
    return failure(fmt::format("it was ended by signal {}{}", run.end.si_status, said));
  if (run.end.si_status != 0) return failure(fmt::format("it ended with exit code {}{}", run.end.si_status, said));
  const auto credential = parse_exec_credential(run.output, access_.exec->api_version);
  if (!credential) return failure(credential.error().message);
  return *credential;
}

}  // namespace tierwall::daemon

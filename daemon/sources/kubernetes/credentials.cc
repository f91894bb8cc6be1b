#include "daemon/sources/kubernetes/credentials.h"

#include <utility>

#include <sys/stat.h>

#include <fmt/format.h>

#include "daemon/sources/kubernetes/base64.h"
#include "daemon/sources/load_world.h"

namespace tierwall::daemon {

namespace {

/// Credentials are not sent when they are about to expire on the way.
constexpr std::chrono::seconds kExpiryLeeway{10};

constexpr std::string_view kSpace = " \t\r\n";

std::string trim(const std::string& text) {
  const std::size_t start = text.find_first_not_of(kSpace);
  if (start == std::string::npos) return {};
  return text.substr(start, text.find_last_not_of(kSpace) - start + 1);
}

Secret bearer(const std::string& token) {
  return Secret("Bearer " + token);
}

}  // namespace

void Credentials::WatchedFile::refresh() {
  if (!used()) return;
  struct stat status {};
  std::optional<Stamp> stamp;
  if (stat(path_.c_str(), &status) == 0)
    stamp = Stamp{.device = status.st_dev,
                  .inode = status.st_ino,
                  .size = status.st_size,
                  .seconds = status.st_mtim.tv_sec,
                  .nanoseconds = status.st_mtim.tv_nsec};
  if (stamp && stamp == stamp_ && problem_.empty()) return;
  const auto text = read_file(path_);
  if (!text) {
    problem_ = text.error().message;
  } else if (trim(*text).empty()) {
    problem_ = path_ + ": is empty";
  } else {
    problem_.clear();
    content_ = trim(*text) + "\n";
    stamp_ = stamp;
  }
}

Credentials::Credentials(systemd::EventLoop& loop, const Clock& clock, ServerAccess access, Callback on_ready,
                         ExecLimits limits)
    : clock_(clock),
      access_(std::move(access)),
      on_ready_(std::move(on_ready)),
      token_(access_.token_file),
      certificate_(access_.client_certificate_file),
      key_(access_.client_key_file) {
  if (access_.exec)
    plugin_ = std::make_unique<ExecPluginRunner>(loop, access_, limits,
                                                 [this](const Result<ExecCredential>& brought) { take(brought); });
}

std::optional<Result<RequestCredentials>> Credentials::now() {
  const bool due = !files_read_ || clock_.monotonic() - *files_read_ >= kFileInterval;
  const bool missing = (token_.used() && token_.content().empty()) ||
                       (certificate_.used() && certificate_.content().empty()) ||
                       (key_.used() && key_.content().empty());
  if (due || missing) refresh_files();
  if (plugin_ && plugin_is_due()) {
    plugin_->start();
    return std::nullopt;
  }
  return assemble();
}

bool Credentials::refused(const RequestCredentials& used) {
  if (plugin_) {
    const auto held = assemble();
    if (held && *held == used) brought_.reset();
    return true;
  }
  refresh_files();
  const auto fresh = assemble();
  return fresh && *fresh != used;
}

std::vector<std::string> Credentials::problems() const {
  std::vector<std::string> all;
  for (const WatchedFile* file : {&token_, &certificate_, &key_}) {
    if (file->problem().empty()) continue;
    all.push_back(file->problem() + (file->content().empty() ? "" : "; the former content is still used"));
  }
  if (failure_) all.push_back(failure_->message);
  return all;
}

void Credentials::refresh_files() {
  for (WatchedFile* file : {&token_, &certificate_, &key_}) file->refresh();
  files_read_ = clock_.monotonic();
}

/// A plugin that failed just now is not asked again for a while; its failure is the answer.
bool Credentials::plugin_is_due() {
  if (plugin_->running()) return true;
  if (failure_) return clock_.monotonic() - failed_ >= kFailureInterval;
  return !brought_ || (brought_->expires && clock_.unix_time() + kExpiryLeeway >= *brought_->expires);
}

void Credentials::take(const Result<ExecCredential>& brought) {
  failure_.reset();
  brought_.reset();
  if (brought) {
    brought_ = *brought;
  } else {
    failure_ = brought.error();
    failed_ = clock_.monotonic();
  }
  on_ready_(assemble());
}

Error Credentials::denied(std::string_view why) const {
  return {ErrorKind::Denied, fmt::format("{}: {}", access_.origin, why), 0};
}

Result<RequestCredentials> Credentials::assemble() const {
  if (failure_) return *failure_;
  for (const WatchedFile* file : {&token_, &certificate_, &key_}) {
    if (file->used() && file->content().empty()) return denied(file->problem());
  }
  RequestCredentials credentials;
  credentials.client_certificate = certificate_.used() ? certificate_.content() : access_.client_certificate_data;
  credentials.client_key = key_.used() ? Secret(key_.content()) : access_.client_key_data;
  if (token_.used()) {
    const std::string token = trim(token_.content());
    if (!is_header_text(token)) return denied(access_.token_file + ": holds more than one line");
    credentials.authorization = bearer(token);
  } else if (!access_.token.empty()) {
    credentials.authorization = bearer(access_.token.reveal());
  } else if (!access_.username.empty()) {
    credentials.authorization =
        Secret("Basic " + encode_base64(fmt::format("{}:{}", access_.username, access_.password.reveal())));
  }
  if (brought_ && !brought_->token.empty()) credentials.authorization = bearer(brought_->token.reveal());
  if (brought_ && !brought_->client_certificate.empty()) {
    credentials.client_certificate = brought_->client_certificate;
    credentials.client_key = brought_->client_key;
  }
  return credentials;
}

}  // namespace tierwall::daemon

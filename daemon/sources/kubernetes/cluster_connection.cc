#include "daemon/sources/kubernetes/cluster_connection.h"

#include <memory>
#include <random>
#include <utility>

namespace tierwall::daemon {

namespace {

Random make_random() {
  auto engine = std::make_shared<std::mt19937>(std::random_device{}());
  return [engine] { return std::uniform_real_distribution<double>(0, 1)(*engine); };
}

}  // namespace

ClusterConnection::ClusterConnection(systemd::EventLoop& loop, const Clock& clock, Settings settings,
                                     KubernetesSource::Callback on_events, std::function<void()> on_progress)
    : loop_(loop),
      clock_(clock),
      settings_(std::move(settings)),
      on_events_(std::move(on_events)),
      on_progress_(std::move(on_progress)),
      timer_(loop, systemd::Priority::Sources, [this] { step(); }) {}

void ClusterConnection::start() {
  timer_.start(std::chrono::microseconds(0));
}

void ClusterConnection::reload() {
  timer_.stop();
  connect();
  schedule();
}

void ClusterConnection::connect() {
  Result<ServerAccess> access = settings_.read_access();
  if (!access) {
    // A connection that works goes on with what it was made from.
    failure_ = source_ ? std::nullopt : std::optional(access.error().message);
    return;
  }
  failure_.reset();
  if (access_ == *access && source_) return;
  access_ = *std::move(access);
  former_requests_ = requests();
  source_.reset();
  transport_ = std::make_unique<CurlTransport>(loop_, clock_, *access_, settings_.user_agent);
  source_ = std::make_unique<KubernetesSource>(
      *transport_, clock_, make_random(), KubernetesSource::Settings{settings_.node, settings_.first_request_spread},
      on_events_);
  source_->need(needs_);
  source_->watch_progress([this] {
    schedule();
    on_progress_();
  });
}

void ClusterConnection::step() {
  if (!source_) connect();
  if (source_) source_->step();
  schedule();
  on_progress_();
}

void ClusterConnection::schedule() {
  if (!source_) return timer_.start(kReadAgain);
  const std::optional<std::chrono::microseconds> due = source_->due();
  if (!due) return timer_.stop();
  timer_.start(std::max(*due - clock_.monotonic(), std::chrono::microseconds(0)));
}

void ClusterConnection::need(const Needs& needs) {
  if (needs == needs_) return;
  needs_ = needs;
  if (!source_) return;
  source_->need(needs_);
  schedule();
}

std::vector<std::string> ClusterConnection::lost() const {
  return source_ ? source_->lost() : std::vector<std::string>{};
}

std::vector<KindStatus> ClusterConnection::status() const {
  return source_ ? source_->status() : std::vector<KindStatus>{};
}

std::vector<policy::Diagnostic> ClusterConnection::problems() const {
  return source_ ? source_->problems() : std::vector<policy::Diagnostic>{};
}

ServerRequests ClusterConnection::requests() const {
  ServerRequests all = former_requests_;
  if (source_) all += source_->requests();
  return all;
}

std::vector<std::string> ClusterConnection::remarks() const {
  return transport_ ? transport_->remarks() : std::vector<std::string>{};
}

}  // namespace tierwall::daemon

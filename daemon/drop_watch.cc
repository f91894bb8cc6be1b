#include "daemon/drop_watch.h"

#include <utility>

#include <sys/epoll.h>

namespace tierwall::daemon {

DropWatch::DropWatch(systemd::EventLoop& loop, Result<std::unique_ptr<DeniedPackets>> packets, const Clock& clock,
                     Explain explain, std::function<void()> on_growth)
    : clock_(clock), explain_(std::move(explain)), on_growth_(std::move(on_growth)) {
  if (!packets) {
    trouble_ = packets.error().message;
    return;
  }
  packets_ = *std::move(packets);
  readable_.emplace(loop, packets_->fd(), EPOLLIN, systemd::Priority::Control,
                    [this](std::uint32_t) { read_packets(); });
}

void DropWatch::read_packets() {
  const Result<std::vector<DeniedPacket>> packets = packets_->read();
  if (!packets) {
    trouble_ = packets.error().message;
    if (packets.error().kind != ErrorKind::Exhausted) readable_.reset();
    return;
  }
  trouble_.reset();
  for (const DeniedPacket& packet : *packets) {
    if (auto drop = explain_(packet)) log_.add(*std::move(drop), clock_.unix_time());
  }
  on_growth_();
}

}  // namespace tierwall::daemon

#pragma once
// Listens to the packets the table tells of, finds out why each was denied, and keeps what it found for whoever asks.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/clock.h"
#include "daemon/drops/denied_packets.h"
#include "daemon/drops/drop_log.h"
#include "systemd/event_loop.h"

namespace tierwall::daemon {

class DropWatch {
 public:
  /// Absent: nothing is in force by which the packet could be judged.
  using Explain = std::function<std::optional<Drop>(const DeniedPacket&)>;

  /// Without packets there is nothing to know, and trouble() says why. Borrows the clock. `explain` runs on the loop,
  /// and so does `on_growth`, when the log has grown.
  DropWatch(systemd::EventLoop& loop, Result<std::unique_ptr<DeniedPackets>> packets, const Clock& clock,
            Explain explain, std::function<void()> on_growth);
  DropWatch(const DropWatch&) = delete;
  DropWatch& operator=(const DropWatch&) = delete;

  /// Is there anybody the table should tell?
  [[nodiscard]] bool listens() const { return packets_ != nullptr; }
  /// Why not every packet that was told of is known.
  [[nodiscard]] const std::optional<std::string>& trouble() const { return trouble_; }
  [[nodiscard]] const DropLog& log() const { return log_; }
  /// What an earlier process told. Before the loop runs.
  void remember(std::vector<LoggedDrop> entries) { log_.remember(std::move(entries)); }

 private:
  void read_packets();

  std::unique_ptr<DeniedPackets> packets_;  // absent: they cannot be had, or are not wanted
  const Clock& clock_;
  Explain explain_;
  std::function<void()> on_growth_;
  DropLog log_;
  std::optional<std::string> trouble_;
  std::optional<systemd::IoWatch> readable_;  // goes before what it watches
};

}  // namespace tierwall::daemon

#pragma once
// Traced packets without a kernel: a test sends datagrams to ports of 127.0.0.1, and says which steps others see.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "nft/encode.h"
#include "nft/packet_trace.h"

namespace tierwall::test {

class FakePacketTrace final : public nft::PacketTrace {
 public:
  Result<void> start(const nft::TracedFlow& flow) override {
    if (others_trace) return Error{ErrorKind::Conflict, "somebody else traces packets on this node", 0};
    flow_ = flow;
    left_ = flow.packets;
    return {};
  }
  Result<nft::RuleComments> list_comments() override {
    if (failure) return *failure;
    return comments;
  }
  Result<std::vector<nft::TraceStep>> read(std::chrono::milliseconds patience) override {
    if (failure) return *failure;
    if (waiting_.empty()) {
      if (on_quiet) on_quiet();
      std::this_thread::sleep_for(patience);
    }
    return std::exchange(waiting_, {});
  }
  [[nodiscard]] bool has_lost() const override { return has_lost_; }

  /// A datagram of the node to itself; `path` are its steps behind those of the tracing table.
  void send(std::uint16_t port, std::vector<nft::TraceStep> path) {
    if (!flow_ || left_ == 0 || flow_->destination_port.value_or(port) != port) return;
    --left_;
    ++number_;
    path.insert(path.begin(), {.family = 1, .table = nft::kTraceName, .chain = "sent", .rule = 1});
    for (nft::TraceStep& step : path) step.packet = number_;
    const std::size_t fitting = std::min(path.size(), room - std::min(room, waiting_.size()));
    has_lost_ = has_lost_ || fitting < path.size();
    std::move(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(fitting), std::back_inserter(waiting_));
  }
  [[nodiscard]] const std::optional<nft::TracedFlow>& flow() const { return flow_; }

  nft::RuleComments comments;
  bool others_trace = false;
  std::size_t room = 1'000;  ///< so many steps wait to be read
  std::optional<Error> failure;
  std::function<void()> on_quiet;  ///< nothing is there to be read: time for something to happen

 private:
  std::optional<nft::TracedFlow> flow_;
  std::uint32_t left_ = 0;
  std::uint32_t number_ = 0;
  std::vector<nft::TraceStep> waiting_;
  bool has_lost_ = false;
};

}  // namespace tierwall::test

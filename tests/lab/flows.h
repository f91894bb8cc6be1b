#pragma once
// Traffic that lasts: what probes cannot show because they are over at once.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>

#include "tests/lab/probe.h"

namespace tierwall::lab {

/// One UDP flow, a datagram every millisecond as long as the object lives, each of them a first packet as long as none
/// was answered. The count says whether the protection had a gap.
class UdpStream {
 public:
  UdpStream(const Host& from, const Host& to, std::uint16_t port, policy::Family family = policy::Family::V4);
  UdpStream(const UdpStream&) = delete;
  UdpStream& operator=(const UdpStream&) = delete;

  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t arrived() const { return arrived_; }
  /// The longest time in which datagrams kept arriving.
  [[nodiscard]] std::chrono::microseconds longest_opening() const { return longest_opening_.load(); }

 private:
  void run(const std::stop_token& stop);

  UniqueFd source_;
  UniqueFd destination_;
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> arrived_{0};
  std::atomic<std::chrono::microseconds> longest_opening_{};
  std::jthread thread_;  // last: it uses all of the above
};

/// An established TCP connection.
class TcpConversation {
 public:
  /// Throws std::runtime_error if it cannot be established.
  TcpConversation(const Host& from, const Host& to, std::uint16_t port, policy::Family family = policy::Family::V4);

  /// Sends a few bytes each way; false if they do not arrive within the time.
  bool exchange(std::chrono::milliseconds timeout = kPatientTimeout);

 private:
  UniqueFd listener_;
  UniqueFd client_;
  UniqueFd server_;
};

}  // namespace tierwall::lab

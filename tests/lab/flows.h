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

/// One UDP flow whose datagrams are answered: established as soon as the first was.
class UdpConversation {
 public:
  /// Throws std::runtime_error if nothing is answered.
  UdpConversation(const Host& from, const Host& to, std::uint16_t port, policy::Family family = policy::Family::V4);

  bool reaches_server(std::chrono::milliseconds timeout = kPatientTimeout);
  bool reaches_client(std::chrono::milliseconds timeout = kPatientTimeout);

 private:
  UniqueFd client_;
  UniqueFd server_;
};

/// Bytes that follow a pattern, sent over one TCP connection as long as the object lives, and compared where they
/// arrive.
class TcpTransfer {
 public:
  TcpTransfer(const Host& from, const Host& to, std::uint16_t port, policy::Family family = policy::Family::V4);
  TcpTransfer(const TcpTransfer&) = delete;
  TcpTransfer& operator=(const TcpTransfer&) = delete;

  [[nodiscard]] std::uint64_t arrived() const { return arrived_; }
  /// A byte was another one than was sent, or the connection ended.
  [[nodiscard]] bool damaged() const { return damaged_; }

 private:
  void run(const std::stop_token& stop);

  UniqueFd client_;
  UniqueFd server_;
  std::atomic<std::uint64_t> arrived_{0};
  std::atomic<bool> damaged_{false};
  std::jthread thread_;  // last: it uses all of the above
};

/// An established TCP connection.
class TcpConversation {
 public:
  /// Throws std::runtime_error if it cannot be established.
  TcpConversation(const Host& from, const Host& to, std::uint16_t port, policy::Family family = policy::Family::V4);

  /// Sends a few bytes each way; false if they do not arrive within the time.
  bool exchange(std::chrono::milliseconds timeout = kPatientTimeout);
  /// One way each: false if nothing arrives within the time. What was sent and did not arrive is repeated by the
  /// kernel, so bytes of earlier calls count.
  bool reaches_server(std::chrono::milliseconds timeout = kPatientTimeout);
  bool reaches_client(std::chrono::milliseconds timeout = kPatientTimeout);
  /// The error the server's socket ended with; 0: it did not.
  [[nodiscard]] int server_error() const;

 private:
  UniqueFd listener_;
  UniqueFd client_;
  UniqueFd server_;
};

}  // namespace tierwall::lab

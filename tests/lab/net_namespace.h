#pragma once
// A network namespace without a name: held by a descriptor of this process, so that the kernel removes it with all its
// links, rules and sockets when the process ends, however it ends. Nothing is ever created under /run/netns.
//
// The lab answers a failing system call with std::system_error: there is no test without its network.

#include <string>
#include <string_view>
#include <utility>

#include "tests/lab/unique_fd.h"

namespace tierwall::lab {

/// Throws std::system_error for the errno at hand.
[[noreturn]] void throw_errno(const std::string& what);

class NetNamespace {
 public:
  /// A new namespace with nothing in it but a loopback interface that is down.
  static NetNamespace create();
  /// The one the calling thread is in.
  static NetNamespace of_caller();

  [[nodiscard]] int fd() const { return fd_.number(); }
  /// A path other programs can open while this process lives.
  [[nodiscard]] std::string path() const;
  /// Runs `work` inside, on the calling thread. Sockets opened there stay there when they are used from outside.
  template <typename Work>
  auto run(Work&& work) const;
  /// "net.ipv4.ip_forward" = value.
  void write_sysctl(std::string_view name, std::string_view value) const;

 private:
  explicit NetNamespace(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// The calling thread is inside while this lives.
class Inside {
 public:
  explicit Inside(const NetNamespace& there);
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside();

 private:
  NetNamespace home_;
};

template <typename Work>
auto NetNamespace::run(Work&& work) const {
  const Inside inside(*this);
  return std::forward<Work>(work)();
}

}  // namespace tierwall::lab

#pragma once
// Programs started by the lab, inside a namespace if wanted. A child never outlives the test: it is killed when its
// object goes and, should the test itself be killed, by the kernel.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "tests/lab/net_namespace.h"

namespace tierwall::lab {

struct Launch {
  std::vector<std::string> argv;           ///< the program is looked up in PATH
  const NetNamespace* inside = nullptr;    ///< default: where the caller is
  std::string directory{};                 ///< default: where the caller is
  std::vector<std::string> environment{};  ///< NAME=VALUE, beside the caller's own
  int input = -1;                          ///< descriptors to use; -1: /dev/null for input, else the caller's
  int output = -1;
  int errors = -1;
};

class ChildProcess {
 public:
  explicit ChildProcess(const Launch& launch);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// The exit status in the shell's way (128 + N after signal N); absent if it still runs when the time is over.
  std::optional<int> wait(std::chrono::milliseconds timeout);

 private:
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  std::optional<int> status_;
};

struct CommandOutcome {
  int status = -1;
  std::string output;
  std::string errors;
};

/// Runs a program to its end and gives back all it said. Throws if it runs longer than `timeout`.
CommandOutcome run_command(Launch launch, const std::string& input = {},
                           std::chrono::milliseconds timeout = std::chrono::seconds(30));
/// The same, but throws std::runtime_error with its error output unless it exits with 0. Gives back the output.
std::string require_command(const Launch& launch, const std::string& input = {});

/// An anonymous file in memory.
UniqueFd make_memory_file(const std::string& content = {});
std::string read_memory_file(const UniqueFd& file);

}  // namespace tierwall::lab

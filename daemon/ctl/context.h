#pragma once
// What a verb sees of the process it runs in: its streams, a few facts about them, and the exit codes scripts rely on.
// Verbs touch nothing else of the process, so tests run them in place.

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace tierwall::daemon::ctl {

struct Environment {
  std::string host_name;  ///< default of --node
  bool out_is_terminal = false;
  bool no_color = false;  ///< NO_COLOR is set, or the terminal is dumb
};

/// A parameter object: it borrows and lives no longer than the verb.
struct Context {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  const Environment& environment;
  bool color = false;
};

/// Never change these; they are the contract (README, tierwall(1)).
namespace exit_code {
inline constexpr int kOk = 0;
inline constexpr int kErrorsFound = 1;  // check
inline constexpr int kDenied = 1;       // explain
inline constexpr int kTestsFailed = 1;  // test
inline constexpr int kDiffers = 1;      // diff
inline constexpr int kWouldCut = 1;     // simulate
inline constexpr int kRefused = 1;      // apply, confirm, rollback, history, kubeconfig
inline constexpr int kBadInput = 2;     // those, and verbs on manifests: usage, or input that cannot be read
inline constexpr int kDaemonUsage = 1;  // verbs that ask the daemon: usage, or no permission
inline constexpr int kDegraded = 2;
inline constexpr int kNotRunning = 3;
}  // namespace exit_code

enum class Output { Text, Wide, Name, Json, JsonLines, Yaml, Nft, Dot, Svg };

/// Text for programs rather than people.
inline bool is_structured(Output output) {
  return output == Output::Json || output == Output::Yaml;
}

/// "tierwall VERB: MESSAGE" as one line on the error stream.
void print_failure(const Context& context, std::string_view verb, std::string_view message);

}  // namespace tierwall::daemon::ctl

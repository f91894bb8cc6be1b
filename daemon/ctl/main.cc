// tierwall: the command line client. Everything it does is in run(); here are only the facts of this process.

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string_view>

#include <unistd.h>

#include "daemon/ctl/command_line.h"

namespace {

using tierwall::daemon::ctl::Environment;

Environment read_environment() {
  Environment environment;
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) == 0) environment.host_name = name.data();
  // Node names are lower case, as the kubelet makes them of host names.
  for (char& c : environment.host_name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  environment.out_is_terminal = isatty(STDOUT_FILENO) == 1;
  environment.no_color =
      (no_color != nullptr && *no_color != '\0') || (terminal != nullptr && std::string_view(terminal) == "dumb");
  return environment;
}

}  // namespace

int main(int argc, char** argv) {
  // A reader that has seen enough (head, grep -q) is no failure: the write fails instead, and the verdict stays.
  std::signal(SIGPIPE, SIG_IGN);
  std::ios::sync_with_stdio(false);
  try {
    const int exit =
        tierwall::daemon::ctl::run({argv + 1, argv + argc}, std::cin, std::cout, std::cerr, read_environment());
    errno = 0;
    std::cout.flush();
    if (std::cout || errno == EPIPE || errno == 0) return exit;
    std::cerr << "tierwall: the answer could not be written\n";
  } catch (const std::exception& failure) {
    std::cerr << "tierwall: " << failure.what() << '\n';
  }
  return tierwall::daemon::ctl::exit_code::kBadInput;
}

#include "tests/unit/nft/kernel_namespace.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <vector>

namespace tierwall::nft {

namespace {

std::string temporary_file() {
  return testing::TempDir() + "tierwall-" + std::to_string(getpid()) + ".nft";
}

}  // namespace

bool has_kernel() {
  static const bool has = geteuid() == 0 && unshare(CLONE_NEWNET) == 0 && run_nft("list ruleset").status == 0;
  return has;
}

void enter_fresh_namespace() {
  ASSERT_EQ(unshare(CLONE_NEWNET), 0);
}

NftRun run_nft(const std::string& arguments) {
  FILE* pipe = popen(("nft " + arguments + " 2>&1").c_str(), "re");
  if (pipe == nullptr) return {.status = -1, .output = "cannot start nft"};
  NftRun run;
  char part[4096];
  while (const std::size_t count = fread(part, 1, sizeof part, pipe)) run.output.append(part, count);
  const int status = pclose(pipe);
  run.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return run;
}

NftRun load_with_nft(const std::string& text, const std::string& option) {
  const std::string path = temporary_file();
  std::ofstream(path) << text;
  NftRun run = run_nft(option + " -f " + path);
  unlink(path.c_str());
  return run;
}

std::string list_table() {
  return run_nft("list table inet tierwall").output;
}

testing::AssertionResult same_text(const std::string& seen, const std::string& expected) {
  if (seen == expected) return testing::AssertionSuccess();
  testing::AssertionResult failure = testing::AssertionFailure();
  std::istringstream seen_lines(seen), expected_lines(expected);
  std::string left, right;
  int shown = 0;
  while (shown < 10) {
    const bool more_left = static_cast<bool>(std::getline(seen_lines, left));
    const bool more_right = static_cast<bool>(std::getline(expected_lines, right));
    if (!more_left && !more_right) break;
    if (!more_left) left.clear();
    if (!more_right) right.clear();
    if (left == right) continue;
    failure << "seen     " << left << "\nexpected " << right << "\n";
    ++shown;
  }
  return failure;
}

std::string sort_blocks(const std::string& listing) {
  constexpr const char* kBlockEnd = "\n\t}\n";
  std::vector<std::string> blocks;
  std::size_t start = listing.find('\n') + 1;
  for (std::size_t end = 0; (end = listing.find(kBlockEnd, start)) != std::string::npos;) {
    end += 4;
    const std::size_t first = listing.find_first_not_of('\n', start);
    blocks.push_back(listing.substr(first, end - first));
    start = end;
  }
  std::ranges::sort(blocks);
  std::string sorted = listing.substr(0, listing.find('\n') + 1);
  for (const std::string& block : blocks) sorted += block + "\n";
  return sorted;
}

}  // namespace tierwall::nft

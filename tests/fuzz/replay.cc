// Every input that is kept, through its target, as an ordinary test: what was found once stays found.
//
//   fuzz_replay                      all of tests/fuzz/corpus
//   fuzz_replay TARGET FILE...       these inputs, for a debugger
//
// Each input is named before it is run: a broken promise aborts, and the last name says which one broke it.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"

namespace {

namespace fs = std::filesystem;
using tierwall::fuzz::Target;

void replay(const Target& target, const fs::path& file) {
  std::printf("%s %s\n", target.name.data(), file.filename().c_str());
  std::fflush(stdout);
  std::ifstream stream(file, std::ios::binary);
  const std::vector<char> input{std::istreambuf_iterator<char>(stream), {}};
  target.run({reinterpret_cast<const std::uint8_t*>(input.data()), input.size()});
}

std::vector<fs::path> inputs_of(const Target& target) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(TIERWALL_FUZZ_CORPUS) / target.name)) files.push_back(entry);
  std::ranges::sort(files);
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    const Target* target = tierwall::fuzz::find_target(argv[1]);
    if (target == nullptr) return 2;
    for (int i = 2; i < argc; ++i) replay(*target, argv[i]);
    return 0;
  }
  for (const Target& target : tierwall::fuzz::kTargets) {
    const std::vector<fs::path> files = inputs_of(target);
    tierwall::fuzz::require(!files.empty(), "every target has inputs", target.name);
    for (const fs::path& file : files) replay(target, file);
  }
  return 0;
}

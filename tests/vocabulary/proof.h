#pragma once
// The figures a proof ends with: one line, printed and kept beside the build, where tests/run collects them.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace tierwall::test {

class Proof {
 public:
  /// `name`: of the file. The figures of an earlier run are forgotten, so that a proof that fails has none.
  explicit Proof(const std::string& name)
      : file_(std::filesystem::path(TIERWALL_BINARY_DIR) / "proofs" / (name + ".txt")) {
    std::filesystem::create_directories(file_.parent_path());
    std::filesystem::remove(file_);
  }

  void publish(const std::string& figures) const {
    std::printf("%s\n", figures.c_str());
    std::ofstream(file_) << figures << "\n";
  }

 private:
  std::filesystem::path file_;
};

}  // namespace tierwall::test

#include "tests/vocabulary/golden.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace tierwall::test {

namespace {

std::string path_of(const std::string& name) {
  return std::string(TIERWALL_SOURCE_DIR) + "/tests/golden/" + name;
}

}  // namespace

std::string read_golden(const std::string& name) {
  std::ifstream file(path_of(name));
  if (!file) throw std::runtime_error("cannot read golden file " + path_of(name));
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void expect_golden(const std::string& name, const std::string& actual) {
  if (std::getenv("TIERWALL_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path_of(name)) << actual;
    return;
  }
  EXPECT_EQ(actual, read_golden(name)) << "golden file " << name;
}

}  // namespace tierwall::test

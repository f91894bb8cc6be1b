#pragma once
// Golden files: expected text beside its input. TIERWALL_UPDATE_GOLDEN=1 writes them; the commit says why they changed.

#include <string>

namespace tierwall::test {

/// The file under tests/golden; throws std::runtime_error if it cannot be read.
std::string read_golden(const std::string& name);

/// Fails the running test with both texts if they differ, or writes the file when updating.
void expect_golden(const std::string& name, const std::string& actual);

}  // namespace tierwall::test

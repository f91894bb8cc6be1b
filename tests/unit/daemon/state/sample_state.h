#pragma once
// Things to remember, and a second pair of eyes on the file.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daemon/state/open_state.h"
#include "daemon/state/state_store.h"
#include "tests/fakes/fake_clock.h"

namespace tierwall::daemon {

inline constexpr const char* kThisBoot = "0b9c7e52-5d0e-4c39-9b0e-3f6b3c1d2a40";
inline constexpr const char* kFormerBoot = "00000000-de7a-4626-839f-503181e1b6b1";

ObjectId pod_id(const std::string& name, const std::string& source = "kubernetes");
RememberedObject pod(const std::string& name, const std::string& version = "1");
RememberedObject host_policy(const std::string& name);

/// Number n, n seconds after the start of the tests' calendar, with one change.
Generation make_generation(std::uint64_t number);
/// What the daemon records when a pod changed.
StateChange pod_change(std::uint64_t number, const std::string& name);

std::vector<std::uint64_t> numbers_of(const std::vector<Generation>& generations);

/// Empty if it went well.
template <typename T>
std::string message_of(const Result<T>& result) {
  return result ? std::string() : result.error().message;
}

/// The value, or a failed test and nothing.
template <typename T>
T value_of(Result<T> result) {
  EXPECT_EQ(message_of(result), "");
  return result ? *std::move(result) : T{};
}

/// Opens as the daemon does and expects that there is nothing to say about it.
std::unique_ptr<StateStore> open_cleanly(const StateOptions& options);

/// Runs SQL on a file behind the store's back; "" or what SQLite says.
std::string run_sql(const std::string& path, const std::string& sql);
/// The first column of the first row, as text.
std::string ask_sql(const std::string& path, const std::string& sql);

/// Names in a folder, sorted.
std::vector<std::string> names_in(const std::string& folder);
/// Permission bits.
unsigned mode_of(const std::string& path);

}  // namespace tierwall::daemon

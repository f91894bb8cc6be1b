#pragma once
// Random long sequences of events about small worlds: every kind of object comes, changes and goes, so that each event
// has something to change. The same seed gives the same sequence.

#include <cstdint>
#include <string>
#include <vector>

#include "policy/inventory.h"
#include "tests/differential/random_choice.h"

namespace tierwall::test {

/// Events about kJudgedNode's world. What is in `batches[i]` happens between two steps.
using EventBatches = std::vector<std::vector<policy::ResourceEvent>>;

/// About half of the batches are one event, the others a few.
EventBatches generate_events(std::uint32_t seed, std::size_t batches);
/// `objects` makes the versions of objects, `course` says which of them come when.
EventBatches generate_events(RandomChoice& objects, RandomChoice& course, std::size_t batches);

/// "put Pod a/p1; remove Tier t0"
std::string print_batch(const std::vector<policy::ResourceEvent>& batch);

/// The sequence without what `fails` does not need in order to fail. Tries every batch once, from the last on.
template <typename Fails>
EventBatches shrink_events(EventBatches batches, const Fails& fails) {
  for (std::size_t i = batches.size(); i-- > 0;) {
    EventBatches fewer = batches;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (fails(fewer)) batches = std::move(fewer);
  }
  return batches;
}

}  // namespace tierwall::test

#pragma once
// Law 2 of design.md as a question to a sequence of events: what is kept up to date event by event equals what is made
// from scratch.

#include <cstddef>
#include <optional>
#include <string>

#include "nft/compile.h"
#include "policy/ordering.h"
#include "tests/differential/event_sequences.h"

namespace tierwall::test {

struct Mismatch {
  std::size_t step = 0;  ///< the batch after which it was found
  std::string what;      ///< "tiers", "the table"
};

/// How much each batch made new.
struct StepsTaken {
  std::size_t members = 0;    ///< members of sets at most
  std::size_t endpoints = 0;  ///< pods of the node and their treatments, too
  std::size_t anew = 0;       ///< everything
};

/// Tells the events. After every batch the resolver is compared with resolve(), what it says has changed with what did,
/// every selection with what is found without an index, and the table that follows members with compile() and diff().
std::optional<Mismatch> find_mismatch(const EventBatches& batches, policy::TieBreak tie_break,
                                      nft::Flattening flattening, StepsTaken* steps = nullptr);

}  // namespace tierwall::test

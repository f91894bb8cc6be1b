// What is kept up to date event by event equals what is made from scratch. The bytes choose the objects and which of
// them comes when.

#include "tests/differential/event_sequences.h"
#include "tests/differential/kept_up_to_date.h"
#include "tests/fuzz/target.h"

namespace tierwall::fuzz {

void events(Bytes input) {
  const std::uint8_t options = take_byte(input);
  const auto tie_break = options % 2 == 0 ? policy::TieBreak::Calico332 : policy::TieBreak::Calico331;
  const auto flattening = options % 3 == 0 ? nft::Flattening{} : nft::Flattening::always();
  test::RandomChoice course(input.first(input.size() / 2));
  test::RandomChoice objects(input.last(input.size() - input.size() / 2));
  const test::EventBatches batches = test::generate_events(objects, course, 6);
  const auto mismatch = test::find_mismatch(batches, tie_break, flattening);
  if (!mismatch) return;
  std::string story = mismatch->what + " differ";
  for (const auto& batch : batches) story += "\n  " + test::print_batch(batch);
  require(false, "kept up to date == from scratch", story);
}

}  // namespace tierwall::fuzz

#include "tests/fakes/fake_state_store.h"

#include <algorithm>
#include <string>
#include <utility>

namespace tierwall::test {

using namespace daemon;

std::optional<Error> FakeStateStore::next_refusal() {
  const auto refusal = refusals_.find(calls_++);
  if (refusal == refusals_.end()) return std::nullopt;
  return refusal->second;
}

Result<void> FakeStateStore::keep(const Generation& generation) {
  const Generation kept = within_limits(generation, limits_);
  const std::uint64_t latest = generations_.empty() ? 0 : generations_.rbegin()->first;
  if (latest == kept.number && generations_.rbegin()->second == kept) return {};
  if (const auto follows = check_follows(kept, latest); !follows) return follows;
  generations_.emplace(kept.number, kept);
  std::erase_if(generations_, [&](const auto& entry) {
    const bool too_many = kept.number > limits_.generations && entry.first <= kept.number - limits_.generations;
    const bool too_old = entry.first != kept.number && entry.second.time < kept.time - limits_.age;
    return too_many || too_old;
  });
  return {};
}

Result<void> FakeStateStore::record(const StateChange& change) {
  if (auto refusal = next_refusal()) return *std::move(refusal);
  if (change.generation) {  // the only part that may be refused, so it goes first
    if (const auto kept = keep(*change.generation); !kept) return kept;
  }
  for (const ObjectId& id : change.removals) objects_.erase(id);
  for (const RememberedObject& object : change.upserts) objects_.insert_or_assign(object.id, object);
  for (const auto& [name, value] : change.facts) facts_.insert_or_assign(name, value);
  records_.push_back(change);
  return {};
}

Result<Remembered> FakeStateStore::load() {
  if (auto refusal = next_refusal()) return *std::move(refusal);
  Remembered remembered;
  for (const auto& [id, object] : objects_) remembered.objects.push_back(object);
  if (!generations_.empty()) remembered.latest = generations_.rbegin()->second;
  remembered.facts = facts_;
  remembered.counters = counters_;
  return remembered;
}

Result<std::vector<Generation>> FakeStateStore::history(std::size_t limit) {
  if (auto refusal = next_refusal()) return *std::move(refusal);
  std::vector<Generation> newest;
  for (auto entry = generations_.rbegin(); entry != generations_.rend() && newest.size() < limit; ++entry)
    newest.push_back(entry->second);
  return newest;
}

Result<Generation> FakeStateStore::generation(std::uint64_t number) {
  if (auto refusal = next_refusal()) return *std::move(refusal);
  const auto found = generations_.find(number);
  if (found != generations_.end()) return found->second;
  return Error{ErrorKind::NotFound, "generation " + std::to_string(number) + " is not remembered"};
}

Result<void> FakeStateStore::add_counters(const Counters& counters) {
  if (auto refusal = next_refusal()) return *std::move(refusal);
  for (const auto& [name, added] : counters) counters_[name] = sum(counters_[name], added);
  while (counters_.size() > limits_.counters) {
    // Of those hit longest ago the last by name, as the real store orders them.
    const auto oldest = std::min_element(counters_.rbegin(), counters_.rend(), [](const auto& left, const auto& right) {
      return left.second.last_hit < right.second.last_hit;
    });
    counters_.erase(std::string(oldest->first));
  }
  return {};
}

Result<std::size_t> FakeStateStore::forget_boot(const std::string& boot_id, const std::vector<policy::Kind>& kinds) {
  if (auto refusal = next_refusal()) return *std::move(refusal);
  return std::erase_if(objects_, [&](const auto& entry) {
    return entry.second.boot_id != boot_id && std::ranges::find(kinds, entry.first.key.kind) != kinds.end();
  });
}

}  // namespace tierwall::test

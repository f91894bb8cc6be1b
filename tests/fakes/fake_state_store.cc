#include "tests/fakes/fake_state_store.h"

#include <algorithm>
#include <set>
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
  for (const ObjectId& id : change.removals) {
    objects_.erase(id);
    put_last(id);
  }
  for (const RememberedObject& object : change.upserts) {
    objects_.insert_or_assign(object.id, object);
    put_last(object.id);
  }
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

Result<ObjectPage> FakeStateStore::objects(std::uint64_t from, std::size_t limit) {
  if (auto refusal = next_refusal()) return *std::move(refusal);
  ObjectPage page;
  for (auto place = recorded_.lower_bound(from); place != recorded_.end(); ++place) {
    if (page.objects.size() == limit) {
      page.next = place->first;
      break;
    }
    page.objects.push_back(objects_.at(place->second));
  }
  return page;
}

void FakeStateStore::put_last(const ObjectId& id) {
  std::erase_if(recorded_, [&](const auto& entry) { return entry.second == id; });
  if (!objects_.contains(id)) return;
  recorded_.emplace(recorded_.empty() ? 1 : recorded_.rbegin()->first + 1, id);
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

Result<void> FakeStateStore::put_drops(const ToldDrops& drops) {
  if (auto refusal = next_refusal()) return *std::move(refusal);
  for (const auto& [number, document] : drops) drops_[number] = document;
  while (drops_.size() > limits_.drops) drops_.erase(drops_.begin());
  return {};
}

Result<ToldDrops> FakeStateStore::drops() {
  if (auto refusal = next_refusal()) return *std::move(refusal);
  return drops_;
}

Result<std::size_t> FakeStateStore::forget_boot(const std::string& boot_id, const std::vector<policy::Kind>& kinds) {
  if (auto refusal = next_refusal()) return *std::move(refusal);
  const std::size_t forgotten = std::erase_if(objects_, [&](const auto& entry) {
    return entry.second.boot_id != boot_id && std::ranges::find(kinds, entry.first.key.kind) != kinds.end();
  });
  std::erase_if(recorded_, [&](const auto& entry) { return !objects_.contains(entry.second); });
  return forgotten;
}

Result<void> FakeStateStore::record_files(const FileVersion& version, const FileContents& files) {
  if (auto refusal = next_refusal()) return *std::move(refusal);
  if (!versions_.empty() && versions_.front().first.kept && versions_.front().second == files) return {};
  FileVersion kept = version;
  kept.number = versions_.empty() ? 1 : versions_.front().first.number + 1;
  kept.kept = size_of(files) <= limits_.files.bytes;
  versions_.insert(versions_.begin(), {kept, kept.kept ? files : FileContents{}});
  forget_versions(kept);
  return {};
}

void FakeStateStore::forget_versions(const FileVersion& newest) {
  for (std::size_t i = 1; i < versions_.size(); ++i) {
    const bool too_old = versions_[i - 1].first.time < newest.time - limits_.files.age;
    if (i >= limits_.files.versions || too_old) versions_.resize(i);
  }
  while (versions_.size() > 1 && size_of_contents() > limits_.files.bytes) versions_.pop_back();
}

std::size_t FakeStateStore::size_of_contents() const {
  std::set<std::string> contents;
  for (const auto& [version, files] : versions_) {
    for (const auto& [name, content] : files) contents.insert(content);
  }
  std::size_t bytes = 0;
  for (const std::string& content : contents) bytes += content.size();
  return bytes;
}

Result<std::vector<FileVersion>> FakeStateStore::file_versions() {
  if (auto refusal = next_refusal()) return *std::move(refusal);
  std::vector<FileVersion> versions;
  for (const auto& [version, files] : versions_) versions.push_back(version);
  return versions;
}

Result<FileContents> FakeStateStore::files_of(std::uint64_t version) {
  if (auto refusal = next_refusal()) return *std::move(refusal);
  for (const auto& [known, files] : versions_) {
    if (known.number == version && known.kept) return files;
  }
  return no_such_version(version);
}

Result<void> FakeStateStore::put_pending(const std::optional<PendingChange>& change) {
  if (auto refusal = next_refusal()) return *std::move(refusal);
  pending_ = change;
  return {};
}

Result<std::optional<PendingChange>> FakeStateStore::pending() {
  if (auto refusal = next_refusal()) return *std::move(refusal);
  return pending_;
}

}  // namespace tierwall::test

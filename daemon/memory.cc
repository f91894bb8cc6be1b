#include "daemon/memory.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "daemon/recollect.h"
#include "nft/names.h"
#include "nft/print.h"

namespace tierwall::daemon {

namespace {

using Change = policy::ResourceEvent::Change;

/// A pod that ran before the machine restarted is not there any more, whatever is remembered, and addresses of
/// endpoints may be somebody else's by now.
const std::vector<policy::Kind> kOfOneBoot = {policy::Kind::Pod, policy::Kind::PodSandbox, policy::Kind::EndpointSlice};

Generation describe(const Applied& applied) {
  const AppliedStatus status = summarize(applied);
  Generation generation;
  generation.number = applied.generation;
  generation.time = applied.time;
  generation.summary = {.endpoints = status.endpoints,
                        .policies = status.policies,
                        .sets = status.sets,
                        .rules = status.rules,
                        .chains = status.chains};
  return generation;
}

}  // namespace

Memory::Memory(StateStore& store, const Clock& clock, std::string boot_id)
    : store_(&store), clock_(clock), boot_id_(std::move(boot_id)) {}

Result<Restored> Memory::restore() {
  // A store that cannot be written can often still be read: then old pods are left out below.
  const Result<std::size_t> forgotten = store_->forget_boot(boot_id_, kOfOneBoot);
  if (!forgotten) trouble_ = forgotten.error().message;
  const Result<Remembered> remembered = store_->load();
  if (!remembered) return remembered.error();
  Restored restored;
  JsonReader reader;
  for (const RememberedObject& object : remembered->objects) {
    const bool of_one_boot = std::ranges::count(kOfOneBoot, object.id.key.kind) > 0;
    if (of_one_boot && object.boot_id != boot_id_) continue;
    restored.events.push_back(to_event(object, reader));
  }
  if (remembered->latest) restored.generation = remembered->latest->number;
  restored.facts = remembered->facts;
  restored.counters = remembered->counters;
  return restored;
}

Result<std::uint64_t> Memory::move_to(StateStore& store, bool everything_is_noted) {
  if (const auto forgotten = store.forget_boot(boot_id_, kOfOneBoot); !forgotten) return forgotten.error();
  const Result<Remembered> remembered = store.load();
  if (!remembered) return remembered.error();
  for (const RememberedObject& object : remembered->objects) {
    if (everything_is_noted) pending_.try_emplace(object.id, std::nullopt);
  }
  const std::uint64_t latest = remembered->latest ? remembered->latest->number : 0;
  // Its number was given to another table there. The changes are told with the next one.
  if (generation_ && generation_->number <= latest) {
    for (const ObjectChange& change : generation_->changes)
      since_commit_.try_emplace(change.id, Changed{change.change, change.resource_version});
    generation_.reset();
  }
  store_ = &store;
  trouble_.reset();
  due_ = clock_.monotonic();
  return latest;
}

void Memory::note(const policy::ResourceEvent& event) {
  const ObjectId id{event.source, event.key};
  if (event.change == Change::Upsert && event.document.empty()) return;  // nothing to read it from again
  if (event.change == Change::Gone) {
    pending_[id] = std::nullopt;
  } else {
    pending_[id] = RememberedObject{id, event.resource_version, event.document, event.where, boot_id_};
  }
  since_commit_[id] = {event.change, event.resource_version};
  wake(kSettle);
}

std::string print_fingerprint(const Applied& applied) {
  return nft::fingerprint(nft::print(applied.ruleset));
}

void Memory::note_commit(const Applied& applied, std::function<std::string()> fingerprint) {
  note_host_policy(!applied.policy.host_endpoints.empty());
  if (noted_ == applied.generation) return;  // what is behind the table changed, and the table did not
  noted_ = applied.generation;
  std::vector<ObjectChange> changes = generation_ ? std::move(generation_->changes) : std::vector<ObjectChange>{};
  for (auto& [id, changed] : since_commit_)
    changes.push_back({id, changed.change, std::move(changed.resource_version)});
  since_commit_.clear();
  generation_ = describe(applied);
  generation_->changes = std::move(changes);
  fingerprint_ = std::move(fingerprint);
  if (!fingerprint_) generation_->fingerprint = print_fingerprint(applied);
  wake(kSettle);
}

void Memory::note_host_policy(bool in_force) {
  if (host_policy_ == in_force) return;
  host_policy_ = in_force;
  facts_[kFactHostPolicy] = in_force ? kFactYes : kFactNo;
  wake(kSettle);
}

void Memory::wake(std::chrono::microseconds delay) {
  if (!due_) due_ = clock_.monotonic() + delay;
}

std::optional<std::chrono::microseconds> Memory::due() const {
  return due_;
}

void Memory::step() {
  if (due_ && clock_.monotonic() >= *due_) flush();
}

/// Moved and not copied: after a first full read these are the documents of a whole cluster.
StateChange Memory::take_pending() {
  StateChange change;
  for (auto& [id, object] : pending_) {
    if (object) {
      change.upserts.push_back(*std::move(object));
    } else {
      change.removals.push_back(id);
    }
  }
  pending_.clear();
  change.facts = std::exchange(facts_, {});
  change.facts[kFactBootId] = boot_id_;
  if (const auto fingerprint = std::exchange(fingerprint_, nullptr); fingerprint && generation_) {
    generation_->fingerprint = fingerprint();
  }
  change.generation = std::exchange(generation_, std::nullopt);
  return change;
}

/// The same, to be tried again.
void Memory::keep_pending(StateChange change) {
  for (RememberedObject& object : change.upserts) {
    ObjectId id = object.id;
    pending_.emplace(std::move(id), std::move(object));
  }
  for (ObjectId& id : change.removals) pending_.emplace(std::move(id), std::nullopt);
  facts_.merge(change.facts);
  generation_ = std::move(change.generation);
}

void Memory::flush() {
  due_.reset();
  if (pending_.empty() && facts_.empty() && !generation_) return;
  StateChange change = take_pending();
  const Result<void> recorded = store_->record(change);
  if (!recorded) {
    keep_pending(std::move(change));
    trouble_ = recorded.error().message;
    wake(kRetry);
    return;
  }
  trouble_.reset();
}

}  // namespace tierwall::daemon

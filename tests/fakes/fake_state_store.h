#pragma once
// A StateStore without a file: remembers in memory and keeps the same rules. Passes the same contract suite as the
// real one (tests/unit/daemon/state/state_store_contract_test.cc).

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/state/state_store.h"

namespace tierwall::test {

class FakeStateStore final : public daemon::StateStore {
 public:
  explicit FakeStateStore(daemon::StateLimits limits = {}) : limits_(limits) {}

  Result<void> record(const daemon::StateChange& change) override;
  Result<daemon::Remembered> load() override;
  Result<daemon::ObjectPage> objects(std::uint64_t from, std::size_t limit) override;
  Result<std::vector<daemon::Generation>> history(std::size_t limit) override;
  Result<daemon::Generation> generation(std::uint64_t number) override;
  Result<void> add_counters(const daemon::Counters& counters) override;
  Result<void> put_drops(const daemon::ToldDrops& drops) override;
  Result<daemon::ToldDrops> drops() override;
  Result<std::size_t> forget_boot(const std::string& boot_id, const std::vector<policy::Kind>& kinds) override;
  Result<void> record_files(const daemon::FileVersion& version, const daemon::FileContents& files) override;
  Result<std::vector<daemon::FileVersion>> file_versions() override;
  Result<daemon::FileContents> files_of(std::uint64_t version) override;
  Result<void> put_pending(const std::optional<daemon::PendingChange>& change) override;
  Result<std::optional<daemon::PendingChange>> pending() override;

  /// The n-th call from now (0: the next one), of whatever operation, fails with this and changes nothing.
  void refuse(std::size_t nth, Error error) { refusals_.insert_or_assign(calls_ + nth, std::move(error)); }

  /// Calls so far, failed ones too.
  [[nodiscard]] std::size_t calls() const { return calls_; }
  /// What was recorded with success, in order.
  [[nodiscard]] const std::vector<daemon::StateChange>& records() const { return records_; }

 private:
  /// Counts a call; says whether it is to fail.
  std::optional<Error> next_refusal();
  Result<void> keep(const daemon::Generation& generation);
  /// The object, if it is there, was recorded after all others.
  void put_last(const daemon::ObjectId& id);
  void forget_versions(const daemon::FileVersion& newest);
  [[nodiscard]] std::size_t size_of_contents() const;

  daemon::StateLimits limits_;
  std::map<daemon::ObjectId, daemon::RememberedObject> objects_;
  std::map<std::uint64_t, daemon::ObjectId> recorded_;  ///< those, in the order in which they were recorded last
  std::map<std::uint64_t, daemon::Generation> generations_;
  std::map<std::string, std::string> facts_;
  daemon::Counters counters_;
  daemon::ToldDrops drops_;
  std::vector<std::pair<daemon::FileVersion, daemon::FileContents>> versions_;  ///< the newest first
  std::optional<daemon::PendingChange> pending_;
  std::vector<daemon::StateChange> records_;
  std::size_t calls_ = 0;
  std::map<std::size_t, Error> refusals_;  ///< by call
};

}  // namespace tierwall::test

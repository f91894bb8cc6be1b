#pragma once
// A journal that remembers.

#include <algorithm>
#include <vector>

#include "systemd/journal.h"

namespace tierwall::test {

class FakeJournal final : public systemd::JournalSink {
 public:
  [[nodiscard]] const std::vector<systemd::Record>& records() const { return records_; }
  [[nodiscard]] std::size_t count(systemd::MessageId id) const {
    return static_cast<std::size_t>(std::count_if(records_.begin(), records_.end(),
                                                  [id](const systemd::Record& record) { return record.id == id; }));
  }

 private:
  void write(const systemd::Record& record, const systemd::CodeLocation& /*where*/) override {
    records_.push_back(record);
  }

  std::vector<systemd::Record> records_;
};

}  // namespace tierwall::test

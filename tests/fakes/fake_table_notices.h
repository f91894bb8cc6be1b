#pragma once
// Notices of nftables without a kernel: a test says who changes which table, and when notices are lost.

#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/eventfd.h>

#include "nft/ruleset.h"
#include "nft/table_notices.h"
#include "systemd/unique_fd.h"

namespace tierwall::test {

class FakeTableNotices final : public nft::TableNotices {
 public:
  FakeTableNotices() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!wake_.is_open()) throw std::system_error(errno, std::generic_category(), "eventfd");
  }

  /// A stranger's transaction on this table of family inet. Every transaction is a generation of its own.
  void stranger_writes(std::string_view table, std::uint32_t process, std::string name) {
    ++generation_;
    if (table != nft::kTableName) return;
    waiting_.push_back({.generation = generation_, .process = process, .process_name = std::move(name)});
    eventfd_write(wake_.raw(), 1);
  }
  void we_write() { ++generation_; }
  void lose_notices() {
    lost_ = true;
    eventfd_write(wake_.raw(), 1);
  }

  [[nodiscard]] int fd() const override { return wake_.raw(); }
  Result<std::vector<nft::ForeignChange>> read() override {
    eventfd_t count = 0;
    eventfd_read(wake_.raw(), &count);
    std::vector<nft::ForeignChange> changes = std::exchange(waiting_, {});
    if (std::exchange(lost_, false)) return Error{ErrorKind::Exhausted, "notices of nftables were lost", ENOBUFS};
    return changes;
  }

 private:
  systemd::UniqueFd wake_;
  std::vector<nft::ForeignChange> waiting_;
  std::uint32_t generation_ = 1;
  bool lost_ = false;
};

}  // namespace tierwall::test

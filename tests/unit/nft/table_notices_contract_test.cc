// What every TableNotices keeps to. FakeTableNotices runs it always, the kernel's own notices in a network namespace
// of the test when it may make one.

#include <gtest/gtest.h>

#include <poll.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "nft/diff.h"
#include "nft/netlink_tables.h"
#include "nft/table_notices.h"
#include "tests/fakes/fake_table_notices.h"
#include "tests/unit/nft/kernel_namespace.h"
#include "tests/unit/nft/sample_rulesets.h"

namespace tierwall::nft {
namespace {

using enum FieldType;

Ruleset many_pods() {
  std::vector<Element> pods;
  for (int i = 0; i < 3000; ++i) {
    pods.push_back(element("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250)));
  }
  return make_ruleset({make_set("pods", {Ipv4Addr}, std::move(pods))}, {make_chain("eg-1", {rule({})})});
}

class FakeNotices {
 public:
  static bool is_there() { return true; }
  TableNotices& notices() { return notices_; }
  void we_write() { notices_.we_write(); }
  void stranger_runs(const std::string& /*commands*/, const char* table) { notices_.stranger_writes(table, 42, "nft"); }
  void overrun() { notices_.lose_notices(); }

 private:
  test::FakeTableNotices notices_;
};

class KernelNotices {
 public:
  static bool is_there() { return has_kernel(); }
  KernelNotices() {
    enter_fresh_namespace();
    auto tables = NetlinkTables::open();
    TIERWALL_CHECK(tables);
    tables_ = std::move(*tables);
    // So little room that our own commit would overrun it if it came here.
    auto notices = NetlinkTableNotices::open(tables_->port(), 4096);
    TIERWALL_CHECK(notices);
    notices_ = std::move(*notices);
  }
  TableNotices& notices() { return *notices_; }
  void we_write() { EXPECT_TRUE(std::holds_alternative<Committed>(tables_->commit(rebuild(many_pods())))); }
  void stranger_runs(const std::string& commands, const char* /*table*/) {
    const NftRun run = load_with_nft(commands);
    EXPECT_EQ(run.status, 0) << run.output;
  }
  void overrun() {
    std::string commands;
    for (int i = 0; i < 3000; ++i) commands += "add chain inet tierwall other-" + std::to_string(i) + "\n";
    stranger_runs(commands, "tierwall");
  }

 private:
  std::unique_ptr<NetlinkTables> tables_;
  std::unique_ptr<NetlinkTableNotices> notices_;
};

bool is_readable(const TableNotices& notices) {
  pollfd watched{.fd = notices.fd(), .events = POLLIN, .revents = 0};
  return poll(&watched, 1, 0) == 1;
}

template <typename Subject>
class TableNoticesContract : public testing::Test {
 protected:
  void SetUp() override {
    if (!Subject::is_there()) GTEST_SKIP() << "needs root and nft";
    subject_ = std::make_unique<Subject>();
    subject_->we_write();
  }

  Subject& subject() { return *subject_; }
  /// The names of those who changed our table since the last call.
  std::vector<std::string> strangers() {
    const auto changes = subject_->notices().read();
    if (!changes) return {changes.error().message};
    std::vector<std::string> names;
    for (const ForeignChange& change : *changes) {
      EXPECT_GT(change.process, 0U);
      EXPECT_GT(change.generation, last_generation_);
      last_generation_ = change.generation;
      names.push_back(change.process_name);
    }
    return names;
  }

 private:
  std::unique_ptr<Subject> subject_;
  std::uint32_t last_generation_ = 0;
};

using NoticeImplementations = testing::Types<FakeNotices, KernelNotices>;
TYPED_TEST_SUITE(TableNoticesContract, NoticeImplementations);

using Names = std::vector<std::string>;

TYPED_TEST(TableNoticesContract, OurOwnCommitsAreNoNews) {
  EXPECT_FALSE(is_readable(this->subject().notices()));
  EXPECT_EQ(this->strangers(), Names());
}

TYPED_TEST(TableNoticesContract, EveryKindOfForeignChangeTellsWhoMadeIt) {
  for (const char* commands :
       {"add element inet tierwall pods { 192.0.2.1 }", "delete element inet tierwall pods { 192.0.2.1 }",
        "add rule inet tierwall eg-1 accept", "flush chain inet tierwall eg-1", "add chain inet tierwall other",
        "delete set inet tierwall pods", "delete table inet tierwall"}) {
    SCOPED_TRACE(commands);
    this->subject().stranger_runs(commands, "tierwall");
    EXPECT_TRUE(is_readable(this->subject().notices()));
    EXPECT_EQ(this->strangers(), Names{"nft"});
    EXPECT_FALSE(is_readable(this->subject().notices()));
  }
}

TYPED_TEST(TableNoticesContract, AFlushOfEverythingTouchesOurTable) {
  this->subject().stranger_runs("flush ruleset", "tierwall");
  EXPECT_EQ(this->strangers(), Names{"nft"});
}

TYPED_TEST(TableNoticesContract, ChangesOfOtherTablesAreNoNews) {
  this->subject().stranger_runs("add table inet other", "other");
  this->subject().stranger_runs("add table ip tierwall", "ip tierwall");
  EXPECT_EQ(this->strangers(), Names());
}

TYPED_TEST(TableNoticesContract, ChangesWaitUntilTheyAreRead) {
  this->subject().stranger_runs("add chain inet tierwall one", "tierwall");
  this->subject().we_write();
  this->subject().stranger_runs("add chain inet tierwall two", "tierwall");
  EXPECT_EQ(this->strangers(), (Names{"nft", "nft"}));
}

TYPED_TEST(TableNoticesContract, LostNoticesAreToldAndTheNextOnesCome) {
  this->subject().overrun();
  EXPECT_TRUE(is_readable(this->subject().notices()));
  EXPECT_EQ(this->strangers(), Names{"notices of nftables were lost"});
  EXPECT_EQ(this->strangers(), Names());
  this->subject().stranger_runs("add chain inet tierwall two", "tierwall");
  EXPECT_EQ(this->strangers(), Names{"nft"});
}

}  // namespace
}  // namespace tierwall::nft

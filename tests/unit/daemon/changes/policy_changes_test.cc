// Applying, confirming and going back, with a clock that is told to go on.

#include "daemon/changes/policy_changes.h"

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_policy_files.h"
#include "tests/fakes/fake_state_store.h"

namespace tierwall::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::string deny(const std::string& name) {
  return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name +
         ", namespace: app}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n";
}

class Changes : public testing::Test {
 protected:
  Changes() { start("boot-1"); }

  /// Another process, perhaps after a reboot; what it undid at its start.
  std::optional<std::string> start(const std::string& boot_id) {
    changes_ =
        std::make_unique<PolicyChanges>(store_, files_, clock_, boot_id,
                                        Enforcement{.hindrance = [this] { return hindrance_; },
                                                    .places_of = [this](const policy::ResourceKey&) { return places_; },
                                                    .enforce = [this](bool) { return enforce(); },
                                                    .generation = [this] { return generation_; }});
    auto undone = changes_->recover();
    enforced_ = files_.files;  // as every start does
    changes_->note_directory();
    settle();
    return undone;
  }

  Result<Enforcement::Outcome> enforce() {
    if (refusal_ && files_.files != enforced_) return *refusal_;
    if (files_.files != enforced_) ++generation_;
    enforced_ = files_.files;
    return Enforcement::Outcome{.generation = generation_};
  }
  std::optional<std::string> settle() { return pass(PolicyChanges::kSettle); }
  std::optional<std::string> pass(std::chrono::microseconds time) {
    clock_.advance(time);
    return changes_->step();
  }
  /// Somebody writes into the directory with an editor.
  void edit(const std::string& name, const std::string& text) {
    files_.files[name] = text;
    static_cast<void>(enforce());
    changes_->note_directory();
    settle();
  }

  Result<ChangeReport> apply(const FileContents& files, std::optional<std::chrono::milliseconds> wait = {}) {
    return changes_->apply({.files = files, .wait = wait, .uid = 0});
  }
  static std::string refused(const Result<ChangeReport>& report) { return report ? "done" : report.error().message; }

  test::FakeClock clock_;
  test::FakeStateStore store_;
  test::FakePolicyFiles files_;
  FileContents enforced_;
  std::uint64_t generation_ = 1;
  std::optional<Error> hindrance_;
  std::optional<Error> refusal_;  ///< of the kernel
  std::vector<policy::Location> places_;
  std::unique_ptr<PolicyChanges> changes_;
};

TEST_F(Changes, AppliedFilesStayAndTheSameAgainIsNothing) {
  const auto report = apply({{"a.yaml", deny("a")}});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(*report, (ChangeReport{.generation = 2, .files = {"a.yaml"}}));
  EXPECT_EQ(enforced_.at("a.yaml"), deny("a"));
  EXPECT_FALSE(changes_->waiting());
  EXPECT_EQ(apply({{"a.yaml", deny("a")}})->files, std::vector<std::string>());
  EXPECT_EQ(start("boot-2"), std::nullopt);
  EXPECT_TRUE(files_.files.contains("a.yaml"));
}

TEST_F(Changes, WithoutAConfirmationTheFormerFilesComeBackOnTime) {
  edit("a.yaml", deny("a"));
  ASSERT_TRUE(apply({{"a.yaml", deny("a2")}, {"b.yaml", deny("b")}}, 60s));
  ASSERT_TRUE(changes_->waiting());
  EXPECT_EQ(pass(59s), std::nullopt);
  EXPECT_EQ(changes_->waiting()->left_ms, 1000);
  const auto undone = pass(1s);
  ASSERT_TRUE(undone);
  EXPECT_THAT(*undone, HasSubstr("was not confirmed in time and was rolled back at 2023-11-14"));
  EXPECT_EQ(enforced_, (FileContents{{"a.yaml", deny("a")}}));
  EXPECT_FALSE(changes_->waiting());
  EXPECT_EQ(changes_->rolled_back(), undone);
  EXPECT_EQ(store_.file_versions()->front().cause, FileCause::Expired);
}

TEST_F(Changes, AConfirmedChangeStays) {
  ASSERT_TRUE(apply({{"a.yaml", deny("a")}}, 60s));
  ASSERT_TRUE(changes_->confirm());
  EXPECT_EQ(pass(1h), std::nullopt);
  EXPECT_TRUE(enforced_.contains("a.yaml"));
  EXPECT_EQ(refused(changes_->confirm()), "no change waits for a confirmation");
}

TEST_F(Changes, WhileOneWaitsAnotherIsRefused) {
  ASSERT_TRUE(apply({{"a.yaml", deny("a")}}, 60s));
  EXPECT_THAT(refused(apply({{"b.yaml", deny("b")}})), HasSubstr("waits for its confirmation: tierwall confirm"));
  EXPECT_THAT(refused(changes_->roll_back({.generation = 1})), HasSubstr("waits for its confirmation"));
  ASSERT_TRUE(changes_->roll_back({}));
  EXPECT_FALSE(enforced_.contains("a.yaml"));
  EXPECT_TRUE(apply({{"b.yaml", deny("b")}}));
}

struct RestartRow {
  const char* what;
  const char* boot_id;
  std::chrono::seconds away;
  std::chrono::seconds jump;
  std::chrono::seconds left;  ///< 0: rolled back at the start
};

TEST_F(Changes, TheTimeGoesOnOverRestartsAndReboots) {
  const RestartRow rows[] = {
      {"a restart in time", "boot-1", 20s, 0s, 40s},
      {"a restart after the deadline", "boot-1", 61s, 0s, 0s},
      {"a reboot in time", "boot-2", 20s, 0s, 40s},
      {"a reboot after the deadline", "boot-2", 61s, 0s, 0s},
      {"the clock was set back: the other one counts", "boot-1", 20s, -3600s, 40s},
      {"the clock was set ahead: the smaller reading counts", "boot-1", 20s, 3600s, 0s},
      {"a reboot and a clock set back: the given time again at most", "boot-2", 20s, -3600s, 60s},
  };
  for (const RestartRow& row : rows) {
    start("boot-1");
    files_.files.clear();
    ASSERT_TRUE(apply({{"a.yaml", deny("a")}}, 60s)) << row.what;
    clock_.advance(row.away);
    clock_.jump(row.jump);
    const auto undone = start(row.boot_id);
    EXPECT_EQ(undone.has_value(), row.left == 0s) << row.what;
    EXPECT_EQ(files_.files.contains("a.yaml"), row.left != 0s) << row.what;
    if (row.left != 0s) {
      EXPECT_EQ(pass(row.left - PolicyChanges::kSettle - 1ms), std::nullopt) << row.what;
      EXPECT_TRUE(pass(1ms)) << row.what;
    }
    clock_.jump(-row.jump);
  }
}

TEST_F(Changes, AClockThatIsSetBackAtEveryRebootDoesNotExtendTheTimeWithinABoot) {
  ASSERT_TRUE(apply({{"a.yaml", deny("a")}}, 60s));
  clock_.jump(-3600s);
  start("boot-2");
  clock_.jump(-3600s);
  clock_.advance(50s);
  start("boot-2");
  EXPECT_LE(changes_->waiting()->left_ms, 10'000);
}

TEST_F(Changes, WhatWasInterruptedWhileItWasWrittenIsTakenBackAtTheStart) {
  files_.files = {{"a.yaml", "half of a change"}};
  ASSERT_TRUE(store_.put_pending(PendingChange{.former = {{"a.yaml", "former"}, {"b.yaml", std::nullopt}}}));
  EXPECT_THAT(start("boot-1").value_or(""), HasSubstr("interrupted"));
  EXPECT_EQ(files_.files, (FileContents{{"a.yaml", "former"}}));
  EXPECT_EQ(*store_.pending(), std::nullopt);
}

TEST_F(Changes, WhateverRefusesLeavesEverythingAsItWas) {
  edit("a.yaml", deny("a"));
  const FileContents before = files_.files;
  const FileContents good = {{"b.yaml", deny("b")}};
  files_.refusal = Error{ErrorKind::Exhausted, "policy.d/b.yaml: No space left on device", ENOSPC};
  EXPECT_EQ(refused(apply(good, 60s)), "policy.d/b.yaml: No space left on device");
  files_.refusal.reset();
  EXPECT_EQ(files_.files, before);

  refusal_ = Error{ErrorKind::Unavailable, "the kernel refused it", 0};
  EXPECT_EQ(refused(apply(good)), "the kernel refused it");
  refusal_.reset();
  EXPECT_EQ(files_.files, before);
  EXPECT_EQ(enforced_, before);

  // Every call of the store in its turn, until one apply gets through.
  for (std::size_t nth = 0; !changes_->waiting(); ++nth) {
    ASSERT_LT(nth, 10U);
    store_.refuse(nth, {ErrorKind::Exhausted, "the disk is full", ENOSPC});
    const auto report = apply(good, 60s);
    if (report) continue;
    EXPECT_THAT(report.error().message, HasSubstr("the disk is full")) << nth;
    EXPECT_EQ(files_.files, before) << nth;
    pass(PolicyChanges::kRecordRetry);
    EXPECT_EQ(*store_.pending(), std::nullopt) << nth;
  }
  static_cast<void>(store_.pending());  // takes the last refusal
  ASSERT_TRUE(changes_->confirm());
  hindrance_ = Error{ErrorKind::Busy, "still starting", 0};
  EXPECT_EQ(refused(apply({})), "still starting");
}

TEST_F(Changes, ARollbackThatFindsNoRoomIsTriedAgain) {
  edit("a.yaml", deny("a"));
  ASSERT_TRUE(apply({{"a.yaml", deny("a2")}}, 10s));
  files_.refusal = Error{ErrorKind::Exhausted, "no space left", ENOSPC};
  EXPECT_EQ(pass(10s), std::nullopt);
  EXPECT_THAT(changes_->trouble().value_or(""), HasSubstr("no space left; tried again every second"));
  files_.refusal.reset();
  EXPECT_TRUE(pass(PolicyChanges::kRetry));
  EXPECT_EQ(enforced_.at("a.yaml"), deny("a"));
  EXPECT_EQ(changes_->trouble(), std::nullopt);
}

TEST_F(Changes, AStoreThatIsOpenedLateSaysWhatWaits) {
  files_.files = {{"a.yaml", deny("a2")}};
  test::FakeStateStore late;
  ASSERT_TRUE(late.put_pending(PendingChange{.former = {{"a.yaml", deny("a")}}, .wait = Deadline{.given = 60s}}));
  changes_->move_to(late);
  EXPECT_TRUE(settle()) << "long overdue";
  EXPECT_EQ(enforced_.at("a.yaml"), deny("a"));
  EXPECT_EQ(*late.pending(), std::nullopt);
}

TEST_F(Changes, OrdersThatMakeNoSenseAreRefused) {
  EXPECT_THAT(refused(apply({})), HasSubstr("nothing to apply"));
  EXPECT_THAT(refused(apply({{"../x.yaml", ""}})), HasSubstr("file name"));
  EXPECT_THAT(refused(apply({{"x.yaml", "kind: [\n"}})), HasSubstr("policy.d/x.yaml"));
  EXPECT_THAT(refused(apply({{"x.yaml", deny("a")}, {"y.yaml", deny("a")}})), HasSubstr("also defined at"));
  EXPECT_THAT(refused(changes_->apply({.remove = {"none.yaml"}})), HasSubstr("there is no such file"));
  places_ = {{.file = "policy.d/other.yaml", .line = 4}};
  const auto elsewhere = apply({{"x.yaml", deny("a")}});
  EXPECT_EQ(elsewhere.error().kind, ErrorKind::Conflict);
  EXPECT_THAT(refused(elsewhere), HasSubstr("app/a is already in policy.d/other.yaml:4"));
  files_.files["other.yaml"] = deny("a");
  EXPECT_TRUE(changes_->apply({.files = {{"x.yaml", deny("a")}}, .remove = {"other.yaml"}})) << "moved";
}

TEST_F(Changes, GoingBackToAGenerationRestoresItsFiles) {
  edit("a.yaml", deny("a"));                     // 2
  ASSERT_TRUE(apply({{"b.yaml", deny("b")}}));   // 3
  ASSERT_TRUE(apply({{"a.yaml", deny("a2")}}));  // 4
  ASSERT_TRUE(changes_->roll_back({.generation = 2}));
  EXPECT_EQ(enforced_, (FileContents{{"a.yaml", deny("a")}}));
  ASSERT_TRUE(changes_->roll_back({.generation = 4}));
  EXPECT_EQ(enforced_, (FileContents{{"a.yaml", deny("a2")}, {"b.yaml", deny("b")}}));
  EXPECT_THAT(refused(changes_->roll_back({.generation = 99})), HasSubstr("no generation 99 yet"));
  EXPECT_THAT(refused(changes_->roll_back({.generation = 0})), HasSubstr("since generation 1 (2023-"));
}

TEST_F(Changes, GoingBackStepByStepNeverLeadsToWhatWasUndone) {
  edit("a.yaml", deny("1"));
  edit("a.yaml", deny("2"));
  edit("a.yaml", deny("3"));
  ASSERT_TRUE(changes_->roll_back({}));
  EXPECT_EQ(enforced_.at("a.yaml"), deny("2"));
  ASSERT_TRUE(changes_->roll_back({}));
  EXPECT_EQ(enforced_.at("a.yaml"), deny("1"));
  ASSERT_TRUE(changes_->roll_back({}));
  EXPECT_FALSE(enforced_.contains("a.yaml"));
  EXPECT_THAT(refused(changes_->roll_back({})), HasSubstr("no earlier state"));
}

TEST_F(Changes, ARollbackMayBeHeldTooAndComesBackItself) {
  edit("a.yaml", deny("1"));
  ASSERT_TRUE(changes_->roll_back({.generation = 1, .wait = 5s}));
  EXPECT_FALSE(enforced_.contains("a.yaml"));
  EXPECT_TRUE(pass(5s));
  EXPECT_TRUE(enforced_.contains("a.yaml"));
}

}  // namespace
}  // namespace tierwall::daemon

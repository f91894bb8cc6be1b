#include "systemd/journal.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_journal.h"

namespace tierwall::systemd {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

std::string read_source_file(const std::string& path) {
  std::ifstream file(std::string(TIERWALL_SOURCE_DIR) + "/" + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(MessageIds, AreDistinctAndWellFormed) {
  std::set<std::string_view> seen;
  for (const MessageId id : message::kAll) {
    EXPECT_EQ(id.text.size(), 32u) << id.text;
    EXPECT_TRUE(std::all_of(id.text.begin(), id.text.end(), [](unsigned char c) { return std::isxdigit(c); }));
    EXPECT_TRUE(seen.insert(id.text).second) << id.text;
  }
}

TEST(MessageIds, EveryOneHasACatalogEntryWithASubject) {
  const std::string catalog = read_source_file("systemd/catalog/tierwall.catalog");
  for (const MessageId id : message::kAll) {
    EXPECT_THAT(catalog, HasSubstr("-- " + std::string(id.text) + "\nSubject: ")) << id.text;
  }
}

TEST(MessageIds, EveryOneInTheHeaderIsInTheList) {
  const std::string header = read_source_file("systemd/message_ids.h");
  std::size_t defined = 0;
  const std::string definition = "inline constexpr MessageId k";
  for (std::size_t at = header.find(definition); at != std::string::npos; at = header.find(definition, at + 1)) {
    ++defined;
  }
  EXPECT_EQ(defined, message::kAll.size());
}

TEST(Journal, FieldsCarryTheRecordAndItsPlace) {
  const Record record{.level = Level::Error,
                      .id = message::kRejected,
                      .message = "kernel refused transaction 3",
                      .fields = {{Field::Operation, "chain in-77aa"}, {Field::DurationUs, "120"}},
                      .errno_value = EBUSY};
  const std::vector<std::string> fields = to_journal_fields(record, {"daemon/x.cc", 12, "refuse"});
  for (const char* expected :
       {"MESSAGE=kernel refused transaction 3", "PRIORITY=3", "CODE_FILE=daemon/x.cc", "CODE_LINE=12",
        "CODE_FUNC=refuse", "ERRNO=16", "TIERWALL_OPERATION=chain in-77aa", "TIERWALL_DURATION_US=120"}) {
    EXPECT_THAT(fields, Contains(expected));
  }
  EXPECT_THAT(fields, Contains("MESSAGE_ID=" + std::string(message::kRejected.text)));
}

TEST(Journal, ALineForPeopleHasTheSameFacts) {
  const Record record{.level = Level::Warning,
                      .id = message::kSourceLost,
                      .message = "source lost",
                      .fields = {{Field::Source, "directory"}, {Field::DurationUs, "5"}},
                      .errno_value = ENOENT};
  EXPECT_EQ(print_record(record), "warning: source lost (source: directory, duration us: 5, errno: 2)");
  EXPECT_EQ(print_record({.level = Level::Info, .id = {}, .message = "committed", .fields = {}, .errno_value = 0}),
            "info: committed");
}

TEST(Journal, ARecordKnowsItsCaller) {
  class Sink final : public JournalSink {
   public:
    std::string file;
    std::string function;

   private:
    void write(const Record& /*record*/, const CodeLocation& where) override {
      file = where.file;
      function = where.function;
    }
  };
  Sink sink;
  sink.record(Record{});
  EXPECT_THAT(sink.file, HasSubstr("journal_test.cc"));
  EXPECT_EQ(sink.function, "TestBody");
}

}  // namespace
}  // namespace tierwall::systemd

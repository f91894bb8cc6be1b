#include "daemon/ctl/watch.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "daemon/ctl/structured_text.h"

namespace tierwall::daemon::ctl {
namespace {

/// What a watcher sees of a verb that answers this, one after the other, and then loses its reader.
std::string watched(const std::vector<std::string>& answers, bool terminal) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  const Environment environment{"laptop", terminal, true};
  std::size_t round = 0;
  const int exit =
      watch({.wanted = true, .interval = 0.1}, {in, out, err, environment, false}, [&](const Context& context) {
        context.out << answers[round++];
        if (round == answers.size()) out.setstate(std::ios::badbit);
        return exit_code::kDegraded;
      });
  EXPECT_EQ(exit, exit_code::kDegraded);
  return out.str();
}

TEST(Watch, ATerminalGetsScreenOverScreen) {
  EXPECT_EQ(watched({"a\n", "a\n", "b\n"}, true), "\x1b[H\x1b[Ja\n\x1b[H\x1b[Ja\n");
}

TEST(Watch, AFileGetsWhatIsOtherThanBefore) {
  EXPECT_EQ(watched({"a\n", "a\n", "b\n", "end\n"}, false), "a\nb\n");
}

TEST(Watch, WithoutTheWishTheVerbRunsOnce) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  const Environment environment{"laptop", true, true};
  EXPECT_EQ(watch({}, {in, out, err, environment, false}, [](const Context&) { return exit_code::kOk; }),
            exit_code::kOk);
}

TEST(YamlText, WordsAreQuotedAndKeysKeepTheirOrder) {
  const Json answer = {{"state", "no"},
                       {"count", 3},
                       {"rows", {{{"name", "a: b"}, {"order", nullptr}}}},
                       {"none", Json::array()},
                       {"ok", true}};
  EXPECT_EQ(print_structured(answer, Output::Yaml),
            "state: \"no\"\ncount: 3\nrows:\n  - name: \"a: b\"\n    order: ~\nnone: []\nok: true\n");
}

}  // namespace
}  // namespace tierwall::daemon::ctl

#include "daemon/sources/kubernetes/reflector.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_http_transport.h"
#include "tests/unit/daemon/kubernetes/api_texts.h"

namespace tierwall::daemon {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using test::added;
using test::bookmark;
using test::deleted;
using test::frame;
using test::initial_end;
using test::modified;
using test::object;
using test::page;
using test::status;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kFullRead =
    "/api/v1/things?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&"
    "timeoutSeconds=300";
constexpr std::string_view kFirstPage = "/api/v1/things?limit=500";

std::string watch_from(int version) {
  return "/api/v1/things?watch=1&resourceVersion=" + std::to_string(version) +
         "&allowWatchBookmarks=true&timeoutSeconds=300";
}

/// Writes down what it is told.
class Notes final : public ReflectorSink {
 public:
  void on_upsert(const ObjectName& name, const std::string& resource_version, Node object) override {
    EXPECT_NE(object.find("metadata"), nullptr);
    lines.push_back(print(name) + "@" + resource_version);
  }
  void on_gone(const ObjectName& name) override { lines.push_back(print(name) + " gone"); }
  void on_unreadable(std::string what) override { lines.push_back("unreadable: " + what); }
  void on_full_read() override {}
  void on_synced() override { lines.push_back("synced"); }
  void on_pause() override {}

  std::vector<std::string> lines;

 private:
  static std::string print(const ObjectName& name) { return name.ns.empty() ? name.name : name.ns + "/" + name.name; }
};

class ReflectorTest : public testing::Test {
 protected:
  /// How long the reflector wants to wait.
  [[nodiscard]] microseconds wait() const {
    EXPECT_TRUE(reflector.due().has_value()) << "waits for ever";
    return reflector.due().value_or(clock.monotonic()) - clock.monotonic();
  }
  /// Lets the wait pass and expects this request.
  test::FakeAnswer& expect_request(std::string_view target) {
    const microseconds time = wait();
    if (time > microseconds(0)) {
      clock.advance(time - microseconds(1));
      reflector.step();
      EXPECT_THAT(transport.open_targets(), IsEmpty()) << "asked too early";
      clock.advance(microseconds(1));
    }
    reflector.step();
    EXPECT_THAT(transport.open_targets(), ElementsAre(std::string(target)));
    return *transport.last();
  }
  /// Reads everything as a stream, which stays open as the watch.
  test::FakeAnswer& follow(const std::vector<std::string>& names) {
    test::FakeAnswer& answer = expect_request(kFullRead);
    answer.head(200);
    for (const std::string& name : names) answer.body(added(name, 5));
    answer.body(initial_end(10));
    EXPECT_EQ(reflector.state(), ReflectorState::Following);
    static_cast<void>(told());
    return answer;
  }
  std::vector<std::string> told() { return std::exchange(notes.lines, {}); }

  test::FakeClock clock;
  test::FakeHttpTransport transport;
  JsonReader reader;
  Notes notes;
  double chance = 0;
  Projection projection = Projection::whole();
  Reflector reflector{{.path = "/api/v1/things"}, projection, transport, clock,
                      [this] { return chance; },  reader,     notes,     milliseconds(500)};
};

TEST_F(ReflectorTest, ReadsEverythingAsAStreamAndGoesOnFollowingIt) {
  EXPECT_EQ(wait(), milliseconds(500));
  EXPECT_EQ(reflector.state(), ReflectorState::Waiting);
  test::FakeAnswer& answer = expect_request(kFullRead);
  EXPECT_EQ(answer.request().silence_limit, minutes(3));
  answer.head(200);
  EXPECT_EQ(reflector.state(), ReflectorState::Reading);
  answer.body(added("a", 5) + added("ns/b", 3));
  EXPECT_THAT(told(), ElementsAre("a@5", "ns/b@3"));
  EXPECT_FALSE(reflector.synced());
  answer.body(initial_end(10));
  EXPECT_THAT(told(), ElementsAre("synced"));
  EXPECT_TRUE(reflector.synced());
  EXPECT_EQ(reflector.resource_version(), "10");
  answer.body(modified("a", 11) + added("c", 12) + deleted("ns/b", 13));
  EXPECT_THAT(told(), ElementsAre("a@11", "c@12", "ns/b gone"));
  EXPECT_EQ(reflector.size(), 2u);
  EXPECT_EQ(reflector.resource_version(), "13");
  EXPECT_FALSE(reflector.due()) << "nothing to do but to listen";
}

TEST_F(ReflectorTest, SelectorsAndChanceGoIntoTheRequest) {
  chance = 0.5;
  Reflector own(
      {.path = "/api/v1/pods", .field_selector = "spec.nodeName=node-1", .label_selector = "a in (b,c)"}, projection,
      transport, clock, [this] { return chance; }, reader, notes, seconds(0));
  own.step();
  EXPECT_THAT(transport.last()->request().target,
              HasSubstr("timeoutSeconds=450&fieldSelector=spec.nodeName%3Dnode-1&labelSelector=a%20in%20%28b%2Cc%29"));
}

TEST_F(ReflectorTest, AServerThatStreamsNoListsIsReadInPages) {
  for (const int refusal : {400, 422}) {
    SCOPED_TRACE(refusal);
    Reflector other(
        {.path = "/api/v1/things"}, projection, transport, clock, [this] { return chance; }, reader, notes, seconds(0));
    const auto ask = [&]() -> test::FakeAnswer& {
      other.step();
      return *transport.last();
    };
    ask().answer(refusal, status(refusal, "Invalid"));
    EXPECT_FALSE(other.failure());
    test::FakeAnswer& first = ask();
    EXPECT_EQ(first.request().target, kFirstPage);
    first.answer(200, page({object("a", 5), object("b", 6)}, 10, "more+1"));
    EXPECT_THAT(told(), ElementsAre("a@5", "b@6"));
    EXPECT_FALSE(other.synced());
    test::FakeAnswer& second = ask();
    EXPECT_EQ(second.request().target, "/api/v1/things?limit=500&continue=more%2B1");
    second.answer(200, page({object("c", 7)}, 10));
    EXPECT_THAT(told(), ElementsAre("c@7", "synced"));
    EXPECT_EQ(ask().request().target, watch_from(10));
    transport.last()->head(200);
    transport.last()->body(deleted("b", 11));
    EXPECT_THAT(told(), ElementsAre("b gone"));
  }
}

TEST_F(ReflectorTest, GoesOnWhereItWasWhenTheServerEndsTheWatch) {
  test::FakeAnswer& first = follow({"a"});
  clock.advance(minutes(5));
  first.body(bookmark(50));
  first.end();
  EXPECT_EQ(wait(), seconds(0));
  EXPECT_EQ(reflector.state(), ReflectorState::Following);
  test::FakeAnswer& second = expect_request(watch_from(50));
  second.head(200);
  second.body(modified("a", 60));
  second.fail("connection reset");
  EXPECT_EQ(wait(), milliseconds(800));
  EXPECT_EQ(reflector.state(), ReflectorState::Retrying);
  EXPECT_EQ(reflector.failure(), "connection reset");
  expect_request(watch_from(60)).fail("connection refused");
  EXPECT_EQ(wait(), milliseconds(1600));
  expect_request(watch_from(60)).head(200);
  EXPECT_FALSE(reflector.failure());
  EXPECT_THAT(told(), ElementsAre("a@60")) << "nothing was read twice";
}

TEST_F(ReflectorTest, AWatchThatEndsAtOnceIsAFailure) {
  test::FakeAnswer& first = follow({"a"});
  first.end();
  for (const milliseconds delay : {milliseconds(800), milliseconds(1600)}) {
    expect_request(watch_from(10)).answer(200, "");
    EXPECT_EQ(wait(), delay);
  }
  expect_request(watch_from(10)).answer(200, bookmark(11));
  EXPECT_EQ(wait(), seconds(0)) << "it brought something";
  test::FakeAnswer& slow = expect_request(watch_from(11));
  slow.head(200);
  clock.advance(seconds(1));
  slow.end();
  EXPECT_EQ(wait(), seconds(0)) << "it lasted a second";
}

TEST_F(ReflectorTest, RepeatedAndOlderEventsAreDropped) {
  test::FakeAnswer& answer = follow({"a", "b"});
  answer.body(modified("a", 20));
  EXPECT_THAT(told(), ElementsAre("a@20"));
  answer.body(modified("a", 20) + modified("a", 19) + added("a", 5) + deleted("a", 19) + added("new", 3));
  EXPECT_THAT(told(), IsEmpty());
  answer.body(deleted("b", 30) + modified("b", 25) + deleted("b", 30) + deleted("never", 31));
  EXPECT_THAT(told(), ElementsAre("b gone"));
  answer.body(modified("a", 100));
  EXPECT_THAT(told(), ElementsAre("a@100")) << "versions are numbers: 100 is later than 20";
  EXPECT_EQ(reflector.resource_version(), "100");
}

TEST_F(ReflectorTest, VersionsThatAreNoNumbersAreOnlyEqualOrNot) {
  test::FakeAnswer& answer = expect_request(kFullRead);
  answer.head(200);
  const auto thing = [](const char* version) {
    return std::string(R"({"metadata":{"name":"a","resourceVersion":")") + version + "\"}}";
  };
  answer.body(frame("ADDED", thing("x9")) + initial_end(1));
  answer.body(frame("MODIFIED", thing("x8")) + frame("MODIFIED", thing("x8")) + frame("MODIFIED", thing("x7")));
  EXPECT_THAT(told(), ElementsAre("a@x9", "synced", "a@x8", "a@x7"));
  EXPECT_EQ(reflector.resource_version(), "x7");
}

/// The three ways to learn that the version to go on from is too old.
TEST_F(ReflectorTest, AnExpiredVersionMeansReadingEverythingAgain) {
  const auto expire = [this](int how) {
    test::FakeAnswer& answer = *transport.last();
    if (how == 0) answer.body(frame("ERROR", status(410, "Expired")));
    if (how == 1) answer.body(frame("ERROR", status(410, "Gone")));
    if (how == 2) {
      answer.end();
      expect_request(watch_from(10)).answer(410, status(410, "Expired"));
    }
  };
  for (const int how : {0, 1, 2}) {
    SCOPED_TRACE(how);
    follow({"a", "b"});
    expire(how);
    EXPECT_THAT(told(), IsEmpty());
    EXPECT_EQ(reflector.size(), 2u) << "what is known counts meanwhile";
    test::FakeAnswer& again = expect_request(kFullRead);
    again.head(200);
    again.body(added("b", 5) + added("c", 5));
    EXPECT_THAT(told(), ElementsAre("c@5")) << "not a word of a before the end";
    again.body(initial_end(10));
    EXPECT_THAT(told(), ElementsAre("a gone", "synced"));
    again.body(deleted("c", 10) + frame("ERROR", status(410, "Expired")));
    static_cast<void>(told());
  }
}

TEST_F(ReflectorTest, AfterALongLossEverythingIsReadSoon) {
  follow({"a"}).fail("connection reset");
  for (int failure = 0; failure < 8; ++failure) expect_request(watch_from(10)).fail("connection refused");
  EXPECT_EQ(wait(), seconds(30));
  expect_request(watch_from(10)).answer(410, status(410, "Expired"));
  EXPECT_EQ(wait(), milliseconds(800));
  expect_request(kFullRead);
}

TEST_F(ReflectorTest, AnExpiredTokenStartsTheListAgain) {
  follow({"a", "b", "z"}).body(frame("ERROR", status(410, "Expired")));
  expect_request(kFullRead).answer(400, status(400, "BadRequest"));
  expect_request(kFirstPage).answer(200, page({object("b", 6)}, 20, "token"));
  expect_request("/api/v1/things?limit=500&continue=token").answer(410, status(410, "Expired"));
  EXPECT_THAT(told(), ElementsAre("b@6"));
  expect_request(kFirstPage).answer(200, page({object("a", 5)}, 30, "other"));
  expect_request("/api/v1/things?limit=500&continue=other").answer(200, page({object("c", 8)}, 30));
  // z and b were not in the list that came to its end, whatever the first try showed.
  EXPECT_THAT(told(), ElementsAre("c@8", "b gone", "z gone", "synced"));
  expect_request(watch_from(30));
}

TEST_F(ReflectorTest, NothingIsTakenForDeletedBeforeEverythingWasRead) {
  follow({"a", "b"}).body(frame("ERROR", status(410, "Expired")));
  test::FakeAnswer& cut = expect_request(kFullRead);
  cut.head(200);
  cut.body(added("a", 5));
  cut.fail("connection reset");
  test::FakeAnswer& ended = expect_request(kFullRead);
  ended.head(200);
  ended.end();
  EXPECT_EQ(reflector.failure(), "the stream ended before all objects were sent");
  test::FakeAnswer& refused = expect_request(kFullRead);
  refused.head(200);
  refused.body(bookmark(40) + frame("ERROR", status(500, "InternalError")));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(reflector.size(), 2u);
  test::FakeAnswer& whole = expect_request(kFullRead);
  whole.head(200);
  whole.body(added("a", 5) + initial_end(50));
  EXPECT_THAT(told(), ElementsAre("b gone", "synced"));
}

TEST_F(ReflectorTest, StreamsThatNeverFinishAreReplacedByPages) {
  for (int stream = 0; stream < Reflector::kPagesAfter; ++stream) {
    expect_request(kFullRead).answer(200, added("a", 5));
  }
  expect_request(kFirstPage).answer(200, page({object("a", 5)}, 10));
  EXPECT_THAT(told(), ElementsAre("a@5", "synced"));
}

TEST_F(ReflectorTest, APageThatIsCutIsAskedForAgain) {
  expect_request(kFullRead).answer(400, "");
  expect_request(kFirstPage).answer(200, page({object("a", 5)}, 10, "token"));
  const std::string_view second = "/api/v1/things?limit=500&continue=token";
  expect_request(second).answer(200, R"({"kind":"ThingList","metadata":{"resourceVersion":"10"},"items":[{"metadata")");
  EXPECT_THAT(*reflector.failure(), HasSubstr("the list ends"));
  expect_request(second).fail("connection reset");
  expect_request(second).answer(429, "", seconds(7));
  EXPECT_EQ(wait(), seconds(7));
  expect_request(second).answer(200, page({object("b", 6)}, 10));
  EXPECT_THAT(told(), ElementsAre("a@5", "b@6", "synced"));
}

TEST_F(ReflectorTest, NoAnswerButAListReadsAsEmpty) {
  follow({"a"}).body(frame("ERROR", status(410, "Expired")));
  expect_request(kFullRead).answer(400, "");
  for (const char* body : {"", "{}", "404 page not found", R"({"kind":"Status","items":[]})", "[]"}) {
    expect_request(kFirstPage).answer(200, body);
    EXPECT_TRUE(reflector.failure()) << body;
  }
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(reflector.size(), 1u);
}

struct Refused {
  const char* what;
  int code;
  int retry_after;
  ReflectorState state;
  microseconds wait;
};

TEST_F(ReflectorTest, ARefusalKeepsWhatIsKnownAndWaits) {
  const Refused rows[] = {
      {"no credentials", 401, 0, ReflectorState::Refused, milliseconds(800)},
      {"no rights", 403, 0, ReflectorState::Refused, seconds(30)},
      {"too many requests", 429, 4, ReflectorState::Retrying, seconds(4)},
      {"too many requests, without a time", 429, 0, ReflectorState::Retrying, milliseconds(800)},
      {"internal error", 500, 0, ReflectorState::Retrying, milliseconds(800)},
      {"unavailable", 503, 9, ReflectorState::Retrying, seconds(9)},
      {"unavailable for a day", 503, 86400, ReflectorState::Retrying, minutes(5)},
      {"too large resource version", 504, 1, ReflectorState::Retrying, seconds(1)},
  };
  follow({"a"}).fail("connection reset");
  for (const Refused& row : rows) {
    SCOPED_TRACE(row.what);
    clock.advance(minutes(3));  // the back-off forgets
    expect_request(watch_from(10)).answer(row.code, status(row.code, "Reason", row.retry_after));
    EXPECT_EQ(reflector.state(), row.state);
    EXPECT_EQ(wait(), row.wait);
    EXPECT_THAT(*reflector.failure(), HasSubstr(std::to_string(row.code) + " Reason: no"));
    // The same inside a watch.
    clock.advance(minutes(5));
    test::FakeAnswer& answer = expect_request(watch_from(10));
    answer.head(200);
    answer.body(frame("ERROR", status(row.code, "Reason", row.retry_after)));
    EXPECT_EQ(reflector.state(), row.state);
    EXPECT_EQ(wait(), row.wait);
    clock.advance(wait());
    expect_request(watch_from(10)).answer(200, bookmark(10));  // all is well again
  }
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(reflector.size(), 1u);
}

TEST_F(ReflectorTest, ManyRefusalsInARowMeanReadingEverythingAgain) {
  follow({"a"}).end();
  for (int refusal = 0; refusal < Reflector::kFullReadAfter; ++refusal) {
    expect_request(watch_from(10)).answer(504, status(504, "Timeout", 1));
  }
  expect_request(kFullRead);
}

TEST_F(ReflectorTest, LostConnectionsAloneNeverMeanReadingEverythingAgain) {
  follow({"a"}).fail("connection reset");
  for (int failure = 0; failure < 50; ++failure) expect_request(watch_from(10)).fail("connection refused");
  EXPECT_EQ(wait(), seconds(30));
}

TEST_F(ReflectorTest, AResourceThatIsNotServedIsLookedForSeldom) {
  chance = 0.5;
  expect_request(
      "/api/v1/things?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&"
      "allowWatchBookmarks=true&timeoutSeconds=450")
      .answer(404, "404 page not found\n");
  EXPECT_EQ(reflector.state(), ReflectorState::NotServed);
  EXPECT_EQ(reflector.failure(), "404: 404 page not found");
  EXPECT_FALSE(reflector.synced());
  EXPECT_EQ(wait(), seconds(45));
  chance = 0;
  follow({"a"});
}

TEST_F(ReflectorTest, AResourceThatVanishedKeepsItsObjects) {
  follow({"a"}).end();
  expect_request(watch_from(10)).answer(404, "404 page not found\n");
  EXPECT_EQ(reflector.state(), ReflectorState::NotServed);
  EXPECT_EQ(reflector.size(), 1u);
  EXPECT_THAT(told(), IsEmpty());
  test::FakeAnswer& again = expect_request(kFullRead);
  again.head(200);
  again.body(initial_end(90));
  EXPECT_THAT(told(), ElementsAre("a gone", "synced")) << "now the server said so";
}

TEST_F(ReflectorTest, WhatCannotBeReadIsReportedAndNothingIsTakenForDeleted) {
  follow({"a", "b"}).body(frame("ERROR", status(410, "Expired")));
  test::FakeAnswer& answer = expect_request(kFullRead);
  answer.head(200);
  answer.body(added("c", 6) + "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":tru}}}" +
              frame("ADDED", R"({"metadata":{}})") + initial_end(20));
  const auto lines = told();
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0], "c@6");
  EXPECT_THAT(lines[1], HasSubstr("value 2 of the answer"));
  EXPECT_THAT(lines[2], HasSubstr("an object without a name"));
  EXPECT_EQ(lines[3], "synced");
  EXPECT_EQ(reflector.size(), 3u) << "one of them may be a or b";
}

TEST_F(ReflectorTest, AnEventThatCannotBeReadPutsEverythingInDoubt) {
  follow({"a"}).body("{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":tru}}}" + modified("a", 11));
  EXPECT_THAT(told(), ElementsAre(HasSubstr("unreadable: value 3")));
  EXPECT_EQ(reflector.state(), ReflectorState::Retrying);
  expect_request(kFullRead);
}

TEST_F(ReflectorTest, AnObjectThatIsTooLargeIsPassedOver) {
  test::FakeAnswer& answer = follow({"a"});
  answer.body(frame("ADDED", object("huge", 11, "\"x\":\"" + std::string(kMaxJsonValue, 'x') + "\"")) + added("b", 12));
  EXPECT_THAT(told(), ElementsAre(HasSubstr("passed over"), "b@12"));
  EXPECT_EQ(reflector.state(), ReflectorState::Following);
}

TEST_F(ReflectorTest, AfterARestoredBackupTheServersWordIsFinal) {
  test::FakeAnswer& answer = follow({"a"});
  answer.body(modified("a", 1000) + frame("ERROR", status(410, "Expired")));
  static_cast<void>(told());
  test::FakeAnswer& again = expect_request(kFullRead);
  again.head(200);
  again.body(added("a", 5) + initial_end(10));
  EXPECT_THAT(told(), ElementsAre("a@5", "synced"));
  EXPECT_EQ(reflector.resource_version(), "10");
}

TEST_F(ReflectorTest, EveryCutOfTheStreamTellsTheSameStory) {
  const std::string text = added("a", 5) + initial_end(10) + modified("a", 11) + deleted("a", 12) +
                           frame("ERROR", status(410, "Expired")) + added("never", 13);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Reflector other(
        {.path = "/api/v1/things"}, projection, transport, clock, [this] { return chance; }, reader, notes, seconds(0));
    other.step();
    test::FakeAnswer& answer = *transport.last();
    answer.head(200);
    answer.body(std::string_view(text).substr(0, cut));
    answer.body(std::string_view(text).substr(cut));
    EXPECT_FALSE(answer.is_open()) << "an error event ends the watch";
    EXPECT_THAT(told(), ElementsAre("a@5", "synced", "a@11", "a gone")) << "cut at " << cut;
  }
}

}  // namespace
}  // namespace tierwall::daemon

// How fast a list of pods becomes events, and how much memory that takes. One JSON object per line:
//
//   {"what":"decode: splitter alone","body":"list","bytes":100000000,"piece_bytes":16384,"objects":...,"runs":5,
//   "mb_per_s":...,"cpu_mb_per_s":...,"peak_growth_kib":...}
//
//   decode-rate [MEGABYTES [WHAT]]     WHAT: only the rows whose "what" ends with it, for a profiler
//
// The body lies in memory and is fed in pieces as a connection would give it. "splitter alone" finds the objects,
// "to trees" also reads what is kept of each, "to events" is everything an answer of the API server goes through until
// the inventory would take it: reflector, splitter, reader, decoders. Rates are medians, in 10^6 bytes per second of
// wall and of processor time; the growth is that of the process's peak, body not counted. "to events" keeps the names
// and versions of all pods, which is what an API server is followed with; the rest keeps nothing.

#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/sources/kubernetes/json_splitter.h"
#include "daemon/sources/kubernetes/kubernetes_kinds.h"
#include "daemon/sources/kubernetes/object_feed.h"
#include "daemon/sources/kubernetes/read_json.h"
#include "tests/bench/pods_list.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_http_transport.h"

namespace tierwall {
namespace {

using namespace daemon;

constexpr int kRuns = 5;

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "decode-rate: %s\n", why.c_str());
  std::exit(1);
}

double now(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// VmRSS or VmHWM, in KiB.
std::size_t memory(std::string_view row) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != row) continue;
    std::size_t kib = 0;
    status >> kib;
    return kib;
  }
  return 0;
}

/// What the process holds now becomes its peak.
void forget_peak() {
  std::ofstream("/proc/self/clear_refs") << "5\n";
}

using Take = std::function<void(std::string_view)>;

void in_pieces(std::string_view text, std::size_t size, const Take& take) {
  for (std::size_t at = 0; at < text.size(); at += size) take(text.substr(at, size));
}

/// Counts objects, and reads them if it is given a reader.
class Objects final : public JsonSink {
 public:
  explicit Objects(JsonReader* reader, bool frames) : reader_(reader), frames_(frames) {}

  void on_value(std::string_view text, const JsonPlace&) override {
    ++count;
    if (reader_ == nullptr) return;
    const Projection& kept = projection_of(Kept::Pod);
    const bool is_read = frames_ ? bool(reader_->read_frame(text, kept)) : bool(reader_->read(text, kept));
    if (!is_read) fail("an object cannot be read");
  }
  void on_oversized(const JsonPlace&) override { fail("an object is too large"); }

  std::size_t count = 0;

 private:
  JsonReader* reader_;
  bool frames_;
};

std::size_t split(std::string_view body, bool frames, std::size_t piece, JsonReader* reader) {
  Objects objects(reader, frames);
  if (frames) {
    JsonValueStream stream(objects);
    in_pieces(body, piece, [&](std::string_view bytes) { stream.feed(bytes); });
    if (!stream.finish()) fail("no good stream");
  } else {
    JsonListStream list(objects);
    in_pieces(body, piece, [&](std::string_view bytes) {
      if (!list.feed(bytes)) fail("no list");
    });
    if (!list.finish()) fail("no good list");
  }
  return objects.count;
}

/// Counts events and drops them.
class Events final : public ObjectFeed::Owner {
 public:
  [[nodiscard]] bool has_version(const ObjectFeed&, const ObjectName&, const std::string&) const override {
    return false;
  }
  void on_event(policy::ResourceEvent event) override {
    if (!event.resource || !event.problems.empty()) fail("a pod was not understood: " + event.key.name);
    ++count;
  }
  void on_gone(const ObjectFeed&, const policy::ResourceKey&) override {}
  void on_synced() override { synced = true; }
  void on_pause() override {}

  std::size_t count = 0;
  bool synced = false;
};

std::size_t follow(std::string_view body, bool frames, std::size_t piece) {
  const KubernetesKind& pods = *std::find_if(std::begin(kKubernetesKinds), std::end(kKubernetesKinds),
                                             [](const auto& row) { return row.kind == policy::Kind::Pod; });
  test::FakeHttpTransport transport;
  test::FakeClock clock;
  JsonReader reader;
  Events events;
  ObjectFeed feed(pods, {.path = "/api/v1/pods"}, transport, clock, [] { return 0.5; }, reader, events, {});
  feed.reflector().step();
  if (!frames) {  // a server that streams no lists gives pages
    transport.last()->answer(400, "{}");
    feed.reflector().step();
  }
  test::FakeAnswer* answer = transport.last();
  answer->head(200);
  in_pieces(body, piece, [&](std::string_view bytes) { answer->body(bytes); });
  if (!frames) answer->end();
  if (!events.synced) fail("the answer was not taken for complete");
  return events.count;
}

struct Row {
  const char* what;
  std::function<std::size_t()> work;
};

void measure(const Row& row, std::string_view body, bool frames, std::size_t piece) {
  std::vector<double> wall;
  std::vector<double> processor;
  std::size_t objects = 0;
  std::size_t growth = 0;
  for (int run = 0; run < kRuns; ++run) {
    malloc_trim(0);
    forget_peak();
    const std::size_t before = memory("VmRSS:");
    const double wall_started = now(CLOCK_MONOTONIC);
    const double processor_started = now(CLOCK_PROCESS_CPUTIME_ID);
    objects = row.work();
    processor.push_back(now(CLOCK_PROCESS_CPUTIME_ID) - processor_started);
    wall.push_back(now(CLOCK_MONOTONIC) - wall_started);
    growth = std::max(growth, memory("VmHWM:") - std::min(before, memory("VmHWM:")));
  }
  const auto rate = [&](std::vector<double>& times) {
    std::ranges::sort(times);
    return static_cast<double>(body.size()) / 1e6 / times[times.size() / 2];
  };
  std::printf(
      "{\"what\":\"decode: %s\",\"body\":\"%s\",\"bytes\":%zu,\"piece_bytes\":%zu,\"objects\":%zu,\"runs\":%d,"
      "\"mb_per_s\":%.0f,\"cpu_mb_per_s\":%.0f,\"peak_growth_kib\":%zu}\n",
      row.what, frames ? "watch" : "list", body.size(), piece, objects, kRuns, rate(wall), rate(processor), growth);
  std::fflush(stdout);
}

void run(std::size_t bytes, std::string_view wanted) {
  for (const bool frames : {false, true}) {
    const std::string body = frames ? bench::pods_stream(bytes) : bench::pods_list(bytes);
    for (const std::size_t piece : {std::size_t{16} << 10, std::size_t{256} << 10}) {
      const auto read_all = [&] {
        JsonReader reader;
        return split(body, frames, piece, &reader);
      };
      const Row rows[] = {{"splitter alone", [&] { return split(body, frames, piece, nullptr); }},
                          {"to trees", read_all},
                          {"to events", [&] { return follow(body, frames, piece); }}};
      for (const Row& row : rows) {
        if (std::string_view(row.what).ends_with(wanted)) measure(row, body, frames, piece);
      }
    }
  }
}

}  // namespace
}  // namespace tierwall

int main(int argc, char** argv) {
  const int megabytes = argc > 1 ? std::atoi(argv[1]) : 100;
  if (megabytes < 1) tierwall::fail("decode-rate [MEGABYTES [WHAT]]");
  tierwall::run(static_cast<std::size_t>(megabytes) * 1'000'000, argc > 2 ? argv[2] : "");
}

// What whoever asks for more than lists and the status gets to know: another part of daemon/wiring.h. Nothing here
// changes anything.

#include <algorithm>
#include <utility>

#include "daemon/control/drop_list.h"
#include "daemon/control/history.h"
#include "daemon/control/hit_list.h"
#include "daemon/control/object_list.h"
#include "daemon/control/object_reader.h"
#include "daemon/control/packet_verdict.h"
#include "daemon/wiring.h"

namespace tierwall::daemon {

void Daemon::add_questions(VarlinkService& service) {
  const auto add = [&](const char* name, const std::vector<std::string>& parameters, auto answer) {
    service.actions[name] = {.parameters = parameters,
                             .changes = false,
                             .answer = [answer](const Json& given, const Caller&) { return answer(given); }};
  };
  add("ListGenerations", {"limit"}, [this](const Json& given) { return answer_history(given); });
  add("GetGeneration", {"generation"}, [this](const Json& given) { return answer_generation(given); });
  add("GetFiles", {"generation"}, [this](const Json& given) { return answer_files(given); });
  add("ListObjects", {"from"}, [this](const Json& given) { return answer_objects(given); });
  add("GetMetrics", {}, [this](const Json&) { return answer_metrics(); });
  add("ListDrops", {"after", "limit"}, [this](const Json& given) { return answer_drops(given); });
  // For root: it takes as long as a cold start, and nothing else happens meanwhile.
  service.actions["CheckItself"] = {
      .parameters = {}, .changes = true, .answer = [this](const Json&, const Caller&) { return answer_self_check(); }};
  add("JudgePacket", {"packet"}, [this](const Json& given) { return answer_packet(given); });
}

Result<Json> Daemon::answer_history(const Json& parameters) {
  constexpr std::uint64_t kShown = 20;
  const auto limit = read_number_parameter(parameters, "limit");
  if (!limit) return limit.error();
  memory_.flush();
  const auto rows = read_history(*state_file_.store, static_cast<std::size_t>(limit->value_or(kShown)));
  if (!rows) return rows.error();
  Json list = Json::array();
  for (const HistoryRow& row : *rows) list.push_back(to_json(row));
  return Json{{"generations", std::move(list)}};
}

Result<Json> Daemon::answer_generation(const Json& parameters) {
  const auto number = read_number_parameter(parameters, "generation");
  if (!number) return number.error();
  if (!*number) return malformed("which generation?");
  memory_.flush();
  const auto row = read_generation(*state_file_.store, **number);
  if (!row) return row.error();
  return Json{{"generation", to_json(*row)}};
}

Result<Json> Daemon::answer_files(const Json& parameters) {
  const auto number = read_number_parameter(parameters, "generation");
  if (!number) return number.error();
  if (!*number) return malformed("of which generation?");
  memory_.flush();
  const auto files = read_files_at(*state_file_.store, **number);
  if (!files) return files.error();
  return Json{{"files", to_json(*files)}};
}

NodeFacts Daemon::facts() const {
  NodeFacts facts{.settings = settings(), .host_auto = config_.host_auto, .known = inventory_.generation()};
  facts.settings.compile = compile_options(facts.settings, inventory_.snapshot());
  const auto applied = reconciler_.applied();
  facts.generation = applied ? applied->generation : 0;
  if (!applied) facts.pending.emplace_back("not every source has been read yet");
  if (reconciler_.trouble()) facts.pending.push_back(*reconciler_.trouble());
  for (const CutFlow& cut : guard_.held()) facts.pending.push_back(print_cut(cut) + ": the change is held");
  if (facts.pending.empty() && reconciler_.due()) facts.pending.emplace_back("a change is about to be put in force");
  return facts;
}

Result<Json> Daemon::answer_self_check() {
  if (!reconciler_.applied()) return Error{ErrorKind::Unavailable, "nothing of this process is in force yet"};
  if (reconciler_.due()) {  // what has come in since would differ
    reconciler_.hurry();
    step();
  }
  const std::chrono::microseconds started = clock_.monotonic();
  const std::optional<std::string> differs = reconciler_.verify();
  return Json{{"check",
               {{"differs", differs ? Json(*differs) : Json(nullptr)},
                {"duration_us", (clock_.monotonic() - started).count()}}}};
}

std::optional<Drop> Daemon::explain(const DeniedPacket& packet) const {
  const auto applied = reconciler_.applied();
  if (!applied) return std::nullopt;
  Drop drop = explain_drop(packet, applied->policy, applied->options);
  drop.generation = applied->generation;
  return drop;
}

Result<Json> Daemon::answer_drops(const Json& parameters) const {
  const auto after = read_number_parameter(parameters, "after");
  if (!after) return after.error();
  const auto limit = read_number_parameter(parameters, "limit");
  if (!limit) return limit.error();
  const std::size_t most =
      static_cast<std::size_t>(std::min<std::uint64_t>(limit->value_or(DropLog::kMost), DropLog::kMost));
  DropPage page{.drops = drops_.log().since(after->value_or(0), most), .last = drops_.log().last_number()};
  page.trouble = drops_.trouble().value_or("");
  name_pods(page.drops, inventory_.snapshot());
  return Json{{"page", to_json(page)}};
}

std::string Daemon::metrics_text() {
  hits_.take();
  const auto applied = reconciler_.applied();
  const std::vector<HitRow> hits = applied ? list_hits(applied->counted, hits_.totals()) : std::vector<HitRow>();
  if (cluster_) {
    const ServerRequests requests = cluster_->requests();
    counts_.api_server = {requests.full_reads, requests.watches, requests.failures};
  }
  return print_metrics(node_metrics(report_without_review(), hits, counts_));
}

Result<Json> Daemon::answer_metrics() {
  return Json{{"metrics", metrics_.text()}};
}

/// Of what is remembered, which is everything that is known: what came in last is written first.
Result<Json> Daemon::answer_objects(const Json& parameters) {
  const auto from = read_number_parameter(parameters, "from");
  if (!from) return from.error();
  memory_.flush();
  if (memory_.trouble()) return Error{ErrorKind::Unavailable, "state: " + *memory_.trouble()};
  const Result<ObjectPage> page = read_page(*state_file_.store, from->value_or(0));
  if (!page) return page.error();
  return Json{{"page", to_json(*page)}};
}

Result<Json> Daemon::answer_packet(const Json& parameters) const {
  const auto given = parameters.find("packet");
  if (given == parameters.end()) return malformed("which packet?");
  const Result<nft::Packet> packet = packet_from_json(*given);
  if (!packet) return packet.error();
  if (!reconciler_.applied()) return Error{ErrorKind::Unavailable, "no table of this process is in force yet"};
  return Json{{"verdict", to_json(judge_packet(reconciler_.applied()->ruleset, *packet))}};
}

}  // namespace tierwall::daemon

#include "daemon/control/drop_list.h"

#include <utility>

#include "daemon/control/object_reader.h"

namespace tierwall::daemon {

namespace {

Json to_json(const DropEnd& end) {
  return {{"address", end.address}, {"pod", end.pod}};
}

Result<DropEnd> drop_end_from_json(const Json& json) {
  ObjectReader reader(json, "end");
  DropEnd end;
  reader.read("address", end.address);
  reader.read("pod", end.pod);
  return reader.finish(std::move(end));
}

void read_end(const char* field, DropEnd& end, ObjectReader& reader) {
  std::optional<DropEnd> found;
  reader.read_optional(field, found, drop_end_from_json);
  if (found) end = *std::move(found);
}

}  // namespace

Json to_json(const LoggedDrop& entry) {
  const Drop& drop = entry.drop;
  return {{"number", entry.number},
          {"first_ms", entry.first.count()},
          {"last_ms", entry.last.count()},
          {"packets", entry.packets},
          {"source", to_json(drop.source)},
          {"destination", to_json(drop.destination)},
          {"protocol", drop.protocol},
          {"source_port", drop.source_port},
          {"destination_port", drop.destination_port},
          {"icmp", drop.icmp ? Json(*drop.icmp) : Json(nullptr)},
          {"hook", drop.hook},
          {"in_interface", drop.in_interface},
          {"out_interface", drop.out_interface},
          {"verdict", "deny"},
          {"by", drop.by},
          {"direction", drop.direction},
          {"endpoint", drop.endpoint},
          {"tier", drop.tier},
          {"kind", drop.kind},
          {"namespace", drop.ns},
          {"name", drop.name},
          {"rule", drop.rule},
          {"words", drop.words},
          {"counter", drop.counter},
          {"generation", drop.generation}};
}

Result<LoggedDrop> logged_drop_from_json(const Json& json) {
  ObjectReader reader(json, "drop");
  LoggedDrop entry;
  Drop& drop = entry.drop;
  std::int64_t first = 0;
  std::int64_t last = 0;
  reader.read("number", entry.number);
  reader.read("first_ms", first);
  reader.read("last_ms", last);
  reader.read("packets", entry.packets);
  read_end("source", drop.source, reader);
  read_end("destination", drop.destination, reader);
  reader.read("protocol", drop.protocol);
  reader.read("source_port", drop.source_port);
  reader.read("destination_port", drop.destination_port);
  reader.read("icmp", drop.icmp);
  reader.read("hook", drop.hook);
  reader.read("in_interface", drop.in_interface);
  reader.read("out_interface", drop.out_interface);
  reader.read("by", drop.by);
  reader.read("direction", drop.direction);
  reader.read("endpoint", drop.endpoint);
  reader.read("tier", drop.tier);
  reader.read("kind", drop.kind);
  reader.read("namespace", drop.ns);
  reader.read("name", drop.name);
  reader.read("rule", drop.rule);
  reader.read("words", drop.words);
  reader.read("counter", drop.counter);
  reader.read("generation", drop.generation);
  entry.first = std::chrono::milliseconds(first);
  entry.last = std::chrono::milliseconds(last);
  return reader.finish(std::move(entry));
}

Json to_json(const DropPage& page) {
  Json drops = Json::array();
  for (const LoggedDrop& entry : page.drops) drops.push_back(to_json(entry));
  return {{"drops", std::move(drops)}, {"last", page.last}, {"trouble", page.trouble}};
}

Result<DropPage> drop_page_from_json(const Json& json) {
  ObjectReader reader(json, "page");
  DropPage page;
  reader.read_array("drops", page.drops, logged_drop_from_json);
  reader.read("last", page.last);
  reader.read("trouble", page.trouble);
  return reader.finish(std::move(page));
}

std::string print_told(const LoggedDrop& entry) {
  return to_json(entry).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<LoggedDrop> read_told(const ToldDrops& told) {
  std::vector<LoggedDrop> entries;
  entries.reserve(told.size());
  for (const auto& [number, document] : told) {
    Result<LoggedDrop> entry = logged_drop_from_json(Json::parse(document, nullptr, false));
    if (entry && entry->number == number) entries.push_back(*std::move(entry));
  }
  return entries;
}

}  // namespace tierwall::daemon

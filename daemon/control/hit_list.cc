#include "daemon/control/hit_list.h"

#include "daemon/control/object_reader.h"
#include "policy/model.h"

namespace tierwall::daemon {

namespace {

HitRow describe(const std::string& counter, const nft::CountedRules& counted) {
  HitRow row{.counter = counter,
             .direction = std::string(policy::print_direction(counted.direction)),
             .tier = counted.tier,
             .profile = counted.profile,
             .rule = counted.rule,
             .action = std::string(policy::print_action(counted.action)),
             .words = nft::describe(counted)};
  if (counted.policy) {
    row.kind = policy::print_kind(counted.policy->kind);
    row.ns = counted.policy->ns;
    row.name = counted.policy->name;
  }
  return row;
}

Result<HitRow> hit_from_json(const Json& json) {
  ObjectReader reader(json, "hit");
  HitRow row;
  reader.read("counter", row.counter);
  reader.read("direction", row.direction);
  reader.read("tier", row.tier);
  reader.read("kind", row.kind);
  reader.read("namespace", row.ns);
  reader.read("name", row.name);
  reader.read("profile", row.profile);
  reader.read("rule", row.rule);
  reader.read("action", row.action);
  reader.read("words", row.words);
  reader.read("packets", row.packets);
  reader.read("bytes", row.bytes);
  reader.read("last_hit_ms", row.last_hit_ms);
  return reader.finish(row);
}

}  // namespace

std::vector<HitRow> list_hits(const std::map<std::string, nft::CountedRules>& counted, const Counters& totals) {
  std::vector<HitRow> rows;
  rows.reserve(counted.size());
  for (const auto& [counter, rules] : counted) {
    rows.push_back(describe(counter, rules));
    const auto total = totals.find(counter);
    if (total == totals.end()) continue;
    rows.back().packets = total->second.packets;
    rows.back().bytes = total->second.bytes;
    rows.back().last_hit_ms = total->second.last_hit.count();
  }
  return rows;
}

Json to_json(const HitRow& row) {
  return {{"counter", row.counter},        {"direction", row.direction}, {"tier", row.tier},       {"kind", row.kind},
          {"namespace", row.ns},           {"name", row.name},           {"profile", row.profile}, {"rule", row.rule},
          {"action", row.action},          {"words", row.words},         {"packets", row.packets}, {"bytes", row.bytes},
          {"last_hit_ms", row.last_hit_ms}};
}

Result<std::vector<HitRow>> hits_from_json(const Json& json) {
  return rows_from_json(json, hit_from_json);
}

}  // namespace tierwall::daemon

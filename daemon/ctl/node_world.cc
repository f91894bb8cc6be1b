#include "daemon/ctl/node_world.h"

#include <utility>

#include <fmt/format.h>

#include "daemon/control/object_list.h"
#include "daemon/recollect.h"
#include "daemon/sources/auto_host_endpoint.h"
#include "daemon/state/open_state.h"

namespace tierwall::daemon::ctl {

namespace {

/// So often the pages are read again because something changed meanwhile; then what was read has to do.
constexpr int kTries = 3;

/// The result of that name of a method's answer, read.
template <typename Value>
Result<Value> ask(const NodeDoors& doors, const char* method, const Json& parameters, const char* result,
                  Result<Value> (*from_json)(const Json&)) {
  const Result<Json> reply = call(doors.socket, method, parameters);
  if (!reply) return reply.error();
  const auto found = reply->find(result);
  return found == reply->end() ? malformed(fmt::format("the answer has no {}", result)) : from_json(*found);
}

/// The objects in an inventory, as the daemon had them at its start.
class Recollection {
 public:
  void take(const std::vector<RememberedObject>& objects) {
    for (const RememberedObject& object : objects) inventory_.apply(to_event(object, reader_));
  }
  policy::Inventory finish(const NodeFacts& facts) {
    const auto wanted = facts.host_auto ? std::optional(facts.settings.node) : std::nullopt;
    for (const policy::ResourceEvent& event : AutoHostEndpoint().follow(inventory_.snapshot(), wanted)) {
      inventory_.apply(event);
    }
    return std::move(inventory_);
  }

 private:
  policy::Inventory inventory_;
  JsonReader reader_;
};

Result<policy::Inventory> read_objects(const NodeDoors& doors, const NodeFacts& facts) {
  Recollection recollection;
  std::uint64_t from = 0;
  do {
    const Result<ObjectPage> page =
        ask<ObjectPage>(doors, "ListObjects", {{"from", from}}, "page", object_page_from_json);
    if (!page) return page.error();
    recollection.take(page->objects);
    from = page->next;
  } while (from != 0);
  return recollection.finish(facts);
}

Result<NodeWorld> ask_daemon(const NodeDoors& doors) {
  for (int tries = 1;; ++tries) {
    Result<NodeFacts> facts = read_node_facts(doors);
    if (!facts) return facts.error();
    Result<policy::Inventory> objects = read_objects(doors, *facts);
    if (!objects) return objects.error();
    const Result<NodeFacts> after = read_node_facts(doors);
    if (!after) return after.error();
    if (after->known == facts->known || tries == kTries) return NodeWorld{*std::move(objects), *after, true};
  }
}

Result<NodeWorld> read_what_was_left(const NodeDoors& doors) {
  const ConfigReading config = load_config(doors.config, true);
  if (!config.ok()) return malformed(print_config_error(config.errors.front()));
  const auto store = open_state_for_reading(doors.state.empty() ? config.config.state_file : doors.state);
  if (!store) return store.error();
  const Result<Remembered> remembered = (*store)->load();
  if (!remembered) return remembered.error();
  NodeFacts facts{.settings = node_settings(config.config), .host_auto = config.config.host_auto};
  if (remembered->latest) facts.generation = remembered->latest->number;
  Recollection recollection;
  recollection.take(remembered->objects);
  NodeWorld world{recollection.finish(facts), facts, false};
  world.facts.settings.compile = compile_options(facts.settings, world.snapshot());
  return world;
}

}  // namespace

Result<NodeWorld> read_node_world(const NodeDoors& doors) {
  Result<NodeWorld> world = ask_daemon(doors);
  if (world || world.error().kind != ErrorKind::Unavailable) return world;
  Result<NodeWorld> left = read_what_was_left(doors);
  if (left) return left;
  return Error{ErrorKind::Unavailable, fmt::format("{}, and without it the state cannot be read: {}",
                                                   world.error().message, left.error().message)};
}

void note_absent_daemon(const NodeWorld& world, std::string_view verb, const Context& context) {
  if (world.is_running) return;
  print_failure(context, verb,
                fmt::format("no tierwalld runs here; judged by what it left (generation {})", world.facts.generation));
}

Result<NodeFacts> read_node_facts(const NodeDoors& doors) {
  return ask<NodeFacts>(doors, "GetFacts", Json::object(), "facts", node_facts_from_json);
}

JudgeOptions judge_options(const NodeFacts& facts) {
  return {.node = facts.settings.node,
          .host_name = facts.settings.node,
          .tie_break = facts.settings.tie_break,
          .failsafes = facts.settings.failsafes,
          .of_node = facts.settings.compile};
}

Result<PacketVerdict> ask_table(const NodeDoors& doors, const nft::Packet& packet) {
  return ask<PacketVerdict>(doors, "JudgePacket", {{"packet", to_json(packet)}}, "verdict", packet_verdict_from_json);
}

}  // namespace tierwall::daemon::ctl

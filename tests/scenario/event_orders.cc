#include "tests/scenario/event_orders.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace tierwall::test {

namespace {

using policy::ResourceEvent;
using Timeline = std::pair<policy::ResourceKey, std::string>;  ///< an object in a source

Timeline timeline_of(const ResourceEvent& event) {
  return {event.key, event.source};
}

bool is_good_version(const ResourceEvent& event) {
  return event.change == ResourceEvent::Change::Upsert && event.resource && !has_errors(event.problems);
}

void squash_into(Events& kept, const ResourceEvent& event) {
  if (event.change == ResourceEvent::Change::Gone || is_good_version(event)) {
    kept = {event};
  } else if (!kept.empty() && is_good_version(kept.front())) {
    kept = {kept.front(), event};  // behind a good version a broken one changes nothing but the problems
  } else if (event.resource) {
    kept = {event};  // what could be read of it replaces what could be read of the broken one before
  } else {
    kept.resize(std::min<std::size_t>(kept.size(), 1));
    kept.push_back(event);
  }
}

}  // namespace

Events shuffled(const Events& events, RandomChoice& random) {
  std::map<Timeline, Events> timelines;
  std::vector<Timeline> turns;
  for (const ResourceEvent& event : events) {
    timelines[timeline_of(event)].push_back(event);
    turns.push_back(timeline_of(event));
  }
  random.shuffle(turns);
  std::map<Timeline, std::size_t> next;
  Events result;
  for (const Timeline& turn : turns) result.push_back(timelines[turn][next[turn]++]);
  return result;
}

Events doubled(const Events& events) {
  Events result;
  for (const ResourceEvent& event : events) result.insert(result.end(), 2, event);
  return result;
}

Events squashed(const Events& events) {
  std::map<Timeline, Events> timelines;
  for (const ResourceEvent& event : events) squash_into(timelines[timeline_of(event)], event);
  Events result;
  for (const auto& [timeline, kept] : timelines) result.insert(result.end(), kept.begin(), kept.end());
  return result;
}

}  // namespace tierwall::test

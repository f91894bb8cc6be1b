#include "tests/fake_api/watch_stream.h"

#include <algorithm>
#include <utility>

namespace tierwall::fake_api {

namespace {

constexpr std::size_t kEventsPerPiece = 64;
constexpr std::size_t kFramesKept = 256;

std::string frame(const char* type, const std::string& object) {
  return std::string(R"({"type":")") + type + R"(","object":)" + object + "}\n";
}

/// What typed clients of Go leave in an otherwise empty object.
std::string empty_rest(const ResourceType& type) {
  if (type.group_version != "v1" || type.kind == "ServiceAccount") return {};
  return type.kind == "Pod" ? R"(,"spec":{"containers":null},"status":{})" : R"(,"spec":{},"status":{})";
}

}  // namespace

WatchStream::WatchStream(const ObjectStore& store, Script& script, WatchPlan plan, Clock::time_point now)
    : store_(store),
      script_(script),
      plan_(std::move(plan)),
      obeyed_(script.orders()),
      end_(now + plan_.lifetime),
      next_bookmark_(now + script.behaviour().bookmark_every) {
  if (plan_.initial_objects) {
    Listing listing = store.list(*plan_.type);
    position_ = listing.position;
    version_ = listing.version;
    std::ranges::copy_if(listing.objects, std::back_inserter(initial_),
                         [this](const StoredPointer& stored) { return selects(stored); });
    initial_end_owed_ = plan_.initial_end;
  } else {
    position_ = store.position_after(*plan_.type, plan_.after_version);
    version_ = plan_.after_version;
  }
  script_.watch_opened(plan_.request_path);
}

WatchStream::~WatchStream() {
  script_.watch_closed(plan_.request_path);
}

bool WatchStream::selects(const StoredPointer& stored) const {
  return stored != nullptr && (plan_.name_space.empty() || stored->name_space == plan_.name_space) &&
         plan_.selector.matches(stored->body);
}

std::string WatchStream::frame_of(const StoredEvent& event) const {
  const bool before = selects(event.before);
  const bool after = selects(event.after);
  if (after) return frame(before ? "MODIFIED" : "ADDED", typed_text(*plan_.type, *event.after));
  return before ? frame("DELETED", typed_text_at(*plan_.type, *event.before, event.version)) : std::string();
}

std::string WatchStream::bookmark(bool initial_end) const {
  const ResourceType& type = *plan_.type;
  const char* annotation = initial_end ? R"(,"annotations":{"k8s.io/initial-events-end":"true"})" : "";
  return frame("BOOKMARK", R"({"kind":")" + type.kind + R"(","apiVersion":")" + type.group_version +
                               R"(","metadata":{"resourceVersion":")" + std::to_string(version_) + "\"" + annotation +
                               "}" + empty_rest(type) + "}");
}

void WatchStream::send_event(Piece& piece, const std::string& text) {
  if (const auto cut = script_.take_event_cut(plan_.request_path)) {
    piece.bytes += text.substr(0, text.size() / 2);
    piece.cut = cut;
    return;
  }
  piece.bytes += text;
  sent_.push_back(text);
  if (sent_.size() > kFramesKept) sent_.pop_front();
}

void WatchStream::initial_part(Piece& piece) {
  for (std::size_t i = 0; i < kEventsPerPiece && !initial_.empty() && !piece.cut; ++i) {
    send_event(piece, frame("ADDED", typed_text(*plan_.type, *initial_.front())));
    initial_.pop_front();
  }
  if (initial_.empty() && initial_end_owed_ && !piece.cut) {
    initial_end_owed_ = false;
    piece.bytes += bookmark(true);
  }
}

void WatchStream::live_part(Piece& piece, const Behaviour& behaviour) {
  if (behaviour.only_bookmarks) return;
  const Tail tail = store_.tail(*plan_.type, position_, kEventsPerPiece);
  for (const StoredEvent& event : tail.events) {
    ++position_;
    version_ = std::max(version_, event.version);
    if (event.version <= plan_.after_version) continue;
    const std::string text = frame_of(event);
    for (int i = 0; !text.empty() && !piece.cut && i < (behaviour.duplicate_events ? 2 : 1); ++i) {
      send_event(piece, text);
    }
    if (piece.cut) return;
  }
  more_in_log_ = tail.events.size() == kEventsPerPiece;
  if (!more_in_log_) {
    version_ = std::max(version_, tail.version);
    piece.end = !tail.served;
  }
}

void WatchStream::obey_orders(Piece& piece) {
  const WatchOrders orders = script_.orders();
  if (orders.repeats != obeyed_.repeats) {
    const std::size_t count = std::min(orders.repeat_events, sent_.size());
    for (std::size_t i = sent_.size() - count; i < sent_.size(); ++i) piece.bytes += sent_[i];
  }
  if (orders.bookmarks != obeyed_.bookmarks && plan_.bookmarks) piece.bytes += bookmark(false);
  if (orders.errors != obeyed_.errors) {
    piece.bytes += frame("ERROR", orders.error);
    piece.end = true;
  }
  if (orders.ends != obeyed_.ends) piece.end = true;
  obeyed_ = orders;
}

void WatchStream::bookmarks_by_time(Piece& piece, const Behaviour& behaviour, Clock::time_point now) {
  const bool ends_soon = now >= end_ - behaviour.bookmark_before_end && !last_bookmark_sent_;
  if (ends_soon || now >= next_bookmark_) {
    if (plan_.bookmarks) piece.bytes += bookmark(false);
    next_bookmark_ = now + behaviour.bookmark_every;
    last_bookmark_sent_ = last_bookmark_sent_ || ends_soon;
  }
  if (now >= end_) piece.end = true;
}

Piece WatchStream::next(Clock::time_point now) {
  Piece piece;
  const Behaviour behaviour = script_.behaviour();
  if (!initial_.empty() || initial_end_owed_) {
    initial_part(piece);
    return piece;
  }
  live_part(piece, behaviour);
  if (!piece.cut) obey_orders(piece);
  if (!piece.cut && !piece.end) bookmarks_by_time(piece, behaviour, now);
  return piece;
}

Clock::time_point WatchStream::due() const {
  if (!initial_.empty() || more_in_log_) return Clock::time_point::min();
  const Behaviour behaviour = script_.behaviour();
  const Clock::time_point last = last_bookmark_sent_ ? end_ : end_ - behaviour.bookmark_before_end;
  return std::min({last, end_, next_bookmark_});
}

}  // namespace tierwall::fake_api

#pragma once
// A watch: the stream of {"type","object"} values of one request. Faithful to kube-apiserver 1.36:
//   - resourceVersion unset or "0": ADDED for what is there, in key order. With sendInitialEvents, or "0" and bookmarks
//     allowed, a BOOKMARK annotated k8s.io/initial-events-end follows; then the stream goes on as a watch.
//   - a selector turns an object that stops matching into DELETED with its former body at the event's resourceVersion,
//     and one that starts matching into ADDED.
//   - bookmarks come every Behaviour::bookmark_every and shortly before the end, timeoutSeconds after the start.
//   - a resourceVersion of the future: an empty stream that stays open.
// Slow readers are never cut off: they just get everything later.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tests/fake_api/answer.h"
#include "tests/fake_api/object_store.h"
#include "tests/fake_api/script.h"
#include "tests/fake_api/selectors.h"

namespace tierwall::fake_api {

struct WatchPlan {
  const ResourceType* type = nullptr;
  std::string name_space{};  ///< empty: all
  Selector selector{};
  std::string request_path{};
  bool initial_objects = false;
  bool initial_end = false;         ///< the annotated bookmark after them
  std::uint64_t after_version = 0;  ///< without initial objects
  bool bookmarks = false;
  std::chrono::seconds lifetime{1800};
};

class WatchStream final : public Body {
 public:
  WatchStream(const ObjectStore& store, Script& script, WatchPlan plan, Clock::time_point now);
  WatchStream(const WatchStream&) = delete;
  WatchStream& operator=(const WatchStream&) = delete;
  ~WatchStream() override;

  Piece next(Clock::time_point now) override;
  [[nodiscard]] Clock::time_point due() const override;

 private:
  void initial_part(Piece& piece);
  void live_part(Piece& piece, const Behaviour& behaviour);
  void obey_orders(Piece& piece);
  void bookmarks_by_time(Piece& piece, const Behaviour& behaviour, Clock::time_point now);
  [[nodiscard]] std::string frame_of(const StoredEvent& event) const;  ///< "" if this watch does not see it
  [[nodiscard]] bool selects(const StoredPointer& stored) const;
  [[nodiscard]] std::string bookmark(bool initial_end) const;
  void send_event(Piece& piece, const std::string& frame);

  const ObjectStore& store_;
  Script& script_;
  WatchPlan plan_;
  std::deque<StoredPointer> initial_;
  bool initial_end_owed_ = false;
  std::size_t position_ = 0;
  std::uint64_t version_ = 0;  ///< of the last event sent or passed over
  WatchOrders obeyed_;
  std::deque<std::string> sent_;  ///< the last frames, for repeats
  Clock::time_point end_;
  Clock::time_point next_bookmark_;
  bool last_bookmark_sent_ = false;
  bool more_in_log_ = false;  ///< the last look at the log did not reach its end
};

}  // namespace tierwall::fake_api

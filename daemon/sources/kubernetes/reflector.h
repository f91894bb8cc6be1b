#pragma once
// One collection of the API server, kept in step: read completely, then followed event by event.
//
//   full read --initial-events-end or last page--> following --clean end, connection lost--> following again
//       ^  |  ^                                        |
//       |  +--+ cut in the middle, refused             | 410, or refused again and again
//       +----------------------------------------------+
//
// The full read is a WatchList where the server knows it, otherwise pages of a LIST. An object is taken for deleted
// only by a DELETED event or by a full read that came to its end without it: no failure, refusal or missing resource
// ever reads as empty. Holds the names and versions of objects, not the objects. Owns no timer: due() says when step()
// wants to be called; after every call of the transport due() may be another.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/clock.h"
#include "daemon/sources/document.h"
#include "daemon/sources/kubernetes/api_status.h"
#include "daemon/sources/kubernetes/back_off.h"
#include "daemon/sources/kubernetes/failure_streak.h"
#include "daemon/sources/kubernetes/http_transport.h"
#include "daemon/sources/kubernetes/json_splitter.h"
#include "daemon/sources/kubernetes/read_json.h"

namespace tierwall::daemon {

struct ObjectName {
  std::string ns = {};  ///< empty for cluster-scoped objects
  std::string name = {};

  friend auto operator<=>(const ObjectName&, const ObjectName&) = default;
};

/// What is followed.
struct Collection {
  std::string path = {};            ///< "/api/v1/namespaces/shop/pods"
  std::string field_selector = {};  ///< "spec.nodeName=node-1"; may be empty
  std::string label_selector = {};  ///< may be empty

  friend bool operator==(const Collection&, const Collection&) = default;
};

/// Called while the transport delivers; the reflector must not be destroyed meanwhile.
class ReflectorSink {
 public:
  virtual ~ReflectorSink() = default;

  /// New, or another version than before.
  virtual void on_upsert(const ObjectName& name, const std::string& resource_version, Node object) = 0;
  virtual void on_gone(const ObjectName& name) = 0;
  /// Some object could not be read, and nobody knows which one.
  virtual void on_unreadable(std::string what) = 0;
  /// A full read begins; what was unreadable before counts no more.
  virtual void on_full_read() = 0;
  /// A full read came to its end.
  virtual void on_synced() = 0;
  /// Everything of one piece of the answer, or its end, was dealt with: events may be published, due() be asked.
  virtual void on_pause() = 0;
};

enum class ReflectorState { Waiting, Reading, Following, Retrying, Refused, NotServed };
std::string_view print_state(ReflectorState state);

/// How often the server was asked, and how often that came to nothing.
struct ServerRequests {
  std::uint64_t full_reads = 0;
  std::uint64_t watches = 0;   ///< each goes on from where the one before ended; the server ends them all, in minutes
  std::uint64_t failures = 0;  ///< refusals, broken and silent answers

  void operator+=(const ServerRequests& more) {
    full_reads += more.full_reads;
    watches += more.watches;
    failures += more.failures;
  }
  friend bool operator==(const ServerRequests&, const ServerRequests&) = default;
};

class Reflector final : private HttpSink, private JsonSink {
 public:
  static constexpr std::chrono::microseconds kShortWatch = std::chrono::seconds(1);
  static constexpr std::chrono::milliseconds kWatchSilence = std::chrono::minutes(3);
  static constexpr std::chrono::milliseconds kListSilence = std::chrono::minutes(1);
  /// Between tries of what only an administrator can cure: missing rights, a resource that is not served.
  static constexpr std::chrono::microseconds kSeldom = std::chrono::seconds(30);
  static constexpr std::chrono::microseconds kVerySeldom = std::chrono::seconds(60);
  static constexpr std::chrono::seconds kLongestRetryAfter = std::chrono::minutes(5);
  static constexpr int kPageSize = 500;
  /// After so many refusals in a row a watch gives up its resource version and reads everything.
  static constexpr int kFullReadAfter = 5;
  /// After so many streams in a row that ended before all objects were sent, pages are used.
  static constexpr int kPagesAfter = 2;

  /// Borrows everything but the collection. The first request is due `first_delay` from now.
  Reflector(Collection collection, const Projection& projection, HttpTransport& transport, const Clock& clock,
            Random random, JsonReader& reader, ReflectorSink& sink, std::chrono::microseconds first_delay);
  Reflector(const Reflector&) = delete;
  Reflector& operator=(const Reflector&) = delete;

  [[nodiscard]] std::optional<std::chrono::microseconds> due() const { return due_; }
  void step();

  [[nodiscard]] const Collection& collection() const { return collection_; }
  [[nodiscard]] ReflectorState state() const { return state_; }
  /// Everything was read completely at least once.
  [[nodiscard]] bool synced() const { return synced_; }
  /// Why the last try failed; absent as soon as the server answers as it should.
  [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }
  /// It failed several times in a row, or has failed for a while: what is known may be out of date.
  [[nodiscard]] bool is_lost() const { return failure_ && failures_.is_loss(clock_.monotonic()); }
  /// When is_lost() becomes true although nothing more happens.
  [[nodiscard]] std::optional<std::chrono::microseconds> loss_due() const {
    return failure_ ? failures_.loss_due(clock_.monotonic()) : std::nullopt;
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] const ServerRequests& requests() const { return requests_; }
  /// The version of an object that is known; null if it is not.
  [[nodiscard]] const std::string* version_of(const ObjectName& name) const;
  [[nodiscard]] std::vector<ObjectName> names() const;
  /// Up to which everything is known; empty before the first full read.
  [[nodiscard]] const std::string& resource_version() const { return resource_version_; }
  /// When the server last said anything useful.
  [[nodiscard]] std::optional<std::chrono::milliseconds> last_contact() const { return last_contact_; }

 private:
  enum class Request { FullRead, Page, Watch };
  struct Known {
    std::string version;
    std::uint32_t round = 0;  ///< of the last full read that showed it, or was under way when an event did
  };

  // HttpSink
  void on_head(const HttpHead& head) override;
  void on_body(std::string_view bytes) override;
  void on_end(const Result<void>& result) override;
  // JsonSink
  void on_value(std::string_view text, const JsonPlace& place) override;
  void on_oversized(const JsonPlace& place) override;

  void send();
  [[nodiscard]] std::string target() const;
  void feed(std::string_view bytes);
  void end_of_answer();
  void end_of_page();
  void end_of_watch();

  void read_item(std::string_view text, const JsonPlace& place);
  void read_event(std::string_view text, const JsonPlace& place);
  void take_bookmark(const Node& bookmark);
  void take_change(const std::string& type, Node object, const JsonPlace& place);
  void upsert(const ObjectName& name, const std::string& version, Node object);
  void remove(const ObjectName& name);
  void miss(const std::string& what);
  void complete(const std::string& version);
  void advance(const std::string& version);

  void refuse(const Refusal& refusal);
  void refuse_other(const Refusal& refusal);
  void retry(Request request, ReflectorState state, std::string why, std::chrono::microseconds delay);
  void back_off(Request request, std::string why);
  void go_on(Request request);
  [[nodiscard]] bool was_of_use() const;
  [[nodiscard]] Request resume() const;
  [[nodiscard]] std::chrono::microseconds seldom() const;

  Collection collection_;
  const Projection& projection_;
  HttpTransport& transport_;
  const Clock& clock_;
  Random random_;
  JsonReader& reader_;
  ReflectorSink& sink_;

  ServerRequests requests_;
  ReflectorState state_ = ReflectorState::Waiting;
  std::optional<std::chrono::microseconds> due_;
  std::optional<std::string> failure_;
  std::optional<std::chrono::milliseconds> last_contact_;
  BackOff back_off_;
  BackOff expiries_;  // on its own: the server is there, and what it did not tell meanwhile is waited for
  FailureStreak failures_;
  int watch_refusals_ = 0;      // in a row
  int unfinished_streams_ = 0;  // in a row
  bool use_watch_list_ = true;  // this server streams lists, as far as is known
  bool synced_ = false;
  std::map<std::string, std::map<std::string, Known>> known_;  // by namespace, which is kept once, and name
  std::size_t size_ = 0;                                       // of all namespaces
  std::string resource_version_;

  // The full read under way.
  std::uint32_t round_ = 0;
  bool reading_all_ = false;
  bool incomplete_ = false;  // some object could not be read, so none may be taken for deleted
  std::string continue_token_;

  // The request under way.
  Request request_ = Request::FullRead;  // or the next one
  bool streaming_ = false;               // frames, not pages
  bool over_ = true;                     // nothing of the answer counts any more
  std::optional<HttpHead> head_;
  std::chrono::microseconds started_{0};
  std::uint64_t frames_ = 0;
  std::string refusal_text_;
  std::optional<JsonValueStream> stream_;
  std::optional<JsonListStream> page_;
  // Last, so that it goes first: nothing is called back any more.
  std::unique_ptr<HttpExchange> exchange_;
};

}  // namespace tierwall::daemon

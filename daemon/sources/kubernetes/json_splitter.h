#pragma once
// A body of JSON that arrives in pieces -> its values, one at a time: the frames of a watch, or the items of a list.
// Looks at quotes and brackets only, so it keeps up with the network; whether a value is good JSON is found out by who
// reads it. Holds at most one value: what is larger than the limit is passed over, told with its place, and what
// follows still arrives.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/sources/kubernetes/json_block.h"
#include "policy/result.h"

namespace tierwall::daemon {

inline constexpr std::size_t kMaxJsonValue = 8u << 20;  ///< bytes

/// Which value of a body is meant.
struct JsonPlace {
  std::uint64_t number = 0;  ///< among the values of its body, from 1
  std::uint64_t offset = 0;  ///< of its first byte in the body
  std::uint64_t size = 0;    ///< in bytes

  friend bool operator==(const JsonPlace&, const JsonPlace&) = default;
};

class JsonSink {
 public:
  virtual ~JsonSink() = default;

  /// A whole value. The text is valid during the call only.
  virtual void on_value(std::string_view text, const JsonPlace& place) = 0;
  virtual void on_oversized(const JsonPlace& place) = 0;
};

/// Finds the end of one value, collects its bytes if they come in pieces, and gives up collecting above the limit.
class JsonValueCapture {
 public:
  explicit JsonValueCapture(std::size_t limit) : limit_(limit) {}

  void begin(std::uint64_t offset);
  /// The bytes that belong to the value, from the front. Pre: begin() was called and the value is not complete.
  std::size_t take(std::string_view bytes);
  /// The body ended: that completes a number or a word.
  void end_of_body();

  [[nodiscard]] bool complete() const { return part_ == Part::Done; }
  [[nodiscard]] bool oversized() const { return oversized_; }
  /// Of a complete value that is not oversized; valid until the bytes given to take() go or begin() is called.
  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  enum class Part { Start, Bare, Quoted, Nested, Done };

  std::size_t scan(std::string_view bytes);
  std::size_t scan_quoted(std::string_view bytes, std::size_t at);
  std::size_t scan_nested(std::string_view bytes, std::size_t at);
  std::size_t scan_block(JsonBlock block, std::size_t size);
  std::size_t scan_closing(const JsonBlock& block, std::size_t size);
  void collect(std::string_view piece);

  std::size_t limit_;
  Part part_ = Part::Done;
  bool in_quotes_ = false;  // inside a text of a nested value
  bool escaped_ = false;    // by a backslash at the end of the last piece, the next byte is
  std::size_t depth_ = 0;
  bool oversized_ = false;
  std::uint64_t offset_ = 0;
  std::uint64_t size_ = 0;
  std::string collected_;
  std::string_view text_;
};

/// Values that follow each other, with or without white space between them: what a watch sends.
class JsonValueStream {
 public:
  explicit JsonValueStream(JsonSink& sink, std::size_t limit = kMaxJsonValue) : sink_(sink), capture_(limit) {}

  void feed(std::string_view bytes);
  /// The body ended. Malformed if it did so inside a value.
  Result<void> finish();

 private:
  void deliver();

  JsonSink& sink_;
  JsonValueCapture capture_;
  bool in_value_ = false;
  std::uint64_t offset_ = 0;
  std::uint64_t number_ = 0;
};

/// What a list says about itself.
struct ListMetadata {
  std::string api_version = {};
  std::string kind = {};
  std::string resource_version = {};
  std::string continue_token = {};  ///< empty: this was the last page

  friend bool operator==(const ListMetadata&, const ListMetadata&) = default;
};

/// One list object: delivers the elements of "items" and remembers what else counts, in whatever order it comes.
class JsonListStream {
 public:
  explicit JsonListStream(JsonSink& sink, std::size_t limit = kMaxJsonValue) : sink_(sink), capture_(limit) {}

  /// Malformed if this is no object; nothing more is delivered then.
  Result<void> feed(std::string_view bytes);
  /// The body ended. Malformed if it is no complete list with kind, items and a resource version: such a body says
  /// nothing about which objects exist.
  Result<ListMetadata> finish();

 private:
  enum class Part { Start, Key, Colon, Value, Member, Items, Item, End };

  std::size_t step(std::string_view bytes);
  void between(char byte);
  void begin_value(char byte);
  void end_capture();
  void end_member();

  JsonSink& sink_;
  JsonValueCapture capture_;
  Part part_ = Part::Start;
  bool in_key_ = false;
  bool has_items_ = false;
  std::string broken_;  // why the body is no list
  std::string key_;     // as written, with its quotes
  std::string api_version_;
  std::string kind_;
  std::string metadata_;
  std::uint64_t offset_ = 0;
  std::uint64_t number_ = 0;
};

}  // namespace tierwall::daemon

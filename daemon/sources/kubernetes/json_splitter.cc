#include "daemon/sources/kubernetes/json_splitter.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "daemon/sources/kubernetes/read_json.h"

namespace tierwall::daemon {

namespace {

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// What ends a number or a word.
bool is_delimiter(char c) {
  return is_space(c) || c == ',' || c == ':' || c == '"' || c == '{' || c == '}' || c == '[' || c == ']';
}

std::size_t skip_space(std::string_view bytes) {
  return static_cast<std::size_t>(std::find_if_not(bytes.begin(), bytes.end(), is_space) - bytes.begin());
}

std::string text_at(const Node& node, std::string_view key) {
  const Node* value = node.find(key);
  return value != nullptr && value->kind == Node::Kind::Scalar ? value->text : std::string();
}

}  // namespace

void JsonValueCapture::begin(std::uint64_t offset) {
  part_ = Part::Start;
  in_quotes_ = escaped_ = oversized_ = false;
  depth_ = 0;
  offset_ = offset;
  size_ = 0;
  collected_.clear();
  text_ = {};
}

std::size_t JsonValueCapture::take(std::string_view bytes) {
  const std::size_t taken = scan(bytes);
  collect(bytes.substr(0, taken));
  return taken;
}

void JsonValueCapture::end_of_body() {
  if (part_ != Part::Bare) return;
  part_ = Part::Done;
  text_ = collected_;
}

/// A value that lies in one piece is never copied.
void JsonValueCapture::collect(std::string_view piece) {
  size_ += piece.size();
  if (!oversized_ && size_ > limit_) {
    oversized_ = true;
    collected_ = std::string();  // gives the memory back
  }
  if (oversized_) return;
  if (complete() && collected_.empty()) {
    text_ = piece;
    return;
  }
  collected_.append(piece);
  if (complete()) text_ = collected_;
}

std::size_t JsonValueCapture::scan(std::string_view bytes) {
  std::size_t at = 0;
  if (part_ == Part::Start) {
    const char first = bytes[0];
    part_ = first == '"' ? Part::Quoted : first == '{' || first == '[' ? Part::Nested : Part::Bare;
    depth_ = part_ == Part::Nested ? 1 : 0;
    at = 1;
  }
  if (part_ == Part::Nested) return scan_nested(bytes, at);
  if (part_ == Part::Quoted) return scan_quoted(bytes, at);
  at = static_cast<std::size_t>(
      std::find_if(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(), is_delimiter) - bytes.begin());
  if (at < bytes.size()) part_ = Part::Done;
  return at;
}

/// Behind the closing quote, or at the end of the piece.
std::size_t JsonValueCapture::scan_quoted(std::string_view bytes, std::size_t at) {
  if (escaped_ && at < bytes.size()) {
    escaped_ = false;
    ++at;
  }
  while (at < bytes.size()) {
    const std::size_t quote = std::min(bytes.find('"', at), bytes.size());
    // An odd number of backslashes escapes what follows them.
    std::size_t first_backslash = quote;
    while (first_backslash > at && bytes[first_backslash - 1] == '\\') --first_backslash;
    const bool escapes = (quote - first_backslash) % 2 == 1;
    if (quote == bytes.size()) {
      escaped_ = escapes;
      return quote;
    }
    at = quote + 1;
    if (escapes) continue;
    part_ = Part::Done;
    return at;
  }
  return at;
}

/// Of a block whose first `size` bytes belong to the piece and whose others are spaces: how many belong to the value.
inline std::size_t JsonValueCapture::scan_block(JsonBlock block, std::size_t size) {
  bool behind = escaped_;
  const std::uint64_t escaped = escaped_bytes(block.backslashes, behind);
  escaped_ = size == kJsonBlock ? behind : (escaped >> size & 1) != 0;
  const std::uint64_t quoted = inside_quotes(block.quotes & ~escaped) ^ (in_quotes_ ? ~std::uint64_t{0} : 0);
  in_quotes_ = quoted >> (kJsonBlock - 1) != 0;
  block.opening &= ~quoted;
  block.closing &= ~quoted;
  // An empty object or list ends nothing but itself; there are many.
  const std::uint64_t empty = block.opening & block.closing >> 1;
  block.opening ^= empty;
  block.closing ^= empty << 1;
  const std::size_t closing = count_bits(block.closing);
  if (closing >= depth_) return scan_closing(block, size);
  depth_ = depth_ + count_bits(block.opening) - closing;
  return size;
}

std::size_t JsonValueCapture::scan_nested(std::string_view bytes, std::size_t at) {
  std::array<char, kJsonBlock> last;
  while (at < bytes.size() && !complete()) {
    const char* block = bytes.data() + at;
    const std::size_t size = std::min(bytes.size() - at, kJsonBlock);
    if (size < kJsonBlock) {
      last.fill(' ');
      block = std::copy_n(block, size, last.begin()) - size;
    }
    at += scan_block(look_at(block), size);
  }
  return at;
}

/// The value may end here: bracket by bracket.
std::size_t JsonValueCapture::scan_closing(const JsonBlock& block, std::size_t size) {
  std::uint64_t opening = block.opening;
  for (std::uint64_t closing = block.closing; closing != 0; closing &= closing - 1) {
    const std::uint64_t before = (closing & (~closing + 1)) - 1;
    depth_ += count_bits(opening & before);
    opening &= ~before;
    if (--depth_ > 0) continue;
    part_ = Part::Done;
    return count_bits(before) + 1;
  }
  depth_ += count_bits(opening);
  return size;
}

void JsonValueStream::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t taken = 0;
    if (!in_value_) {
      taken = skip_space(bytes);
      in_value_ = taken < bytes.size();
      if (in_value_) capture_.begin(offset_ + taken);
    } else {
      taken = capture_.take(bytes);
    }
    offset_ += taken;
    bytes.remove_prefix(taken);
    if (in_value_ && capture_.complete()) deliver();
  }
}

void JsonValueStream::deliver() {
  in_value_ = false;
  const JsonPlace place{.number = ++number_, .offset = capture_.offset(), .size = capture_.size()};
  if (capture_.oversized()) {
    sink_.on_oversized(place);
  } else {
    sink_.on_value(capture_.text(), place);
  }
}

Result<void> JsonValueStream::finish() {
  if (!in_value_) return {};
  capture_.end_of_body();
  if (!capture_.complete()) return malformed(fmt::format("the body ends inside value {}", number_ + 1));
  deliver();
  return {};
}

Result<void> JsonListStream::feed(std::string_view bytes) {
  while (!bytes.empty() && broken_.empty()) {
    const std::size_t taken = step(bytes);
    offset_ += taken;
    bytes.remove_prefix(taken);
  }
  if (!broken_.empty()) return malformed(broken_);
  return {};
}

/// One token between values, or a piece of the value under way; returns its bytes.
std::size_t JsonListStream::step(std::string_view bytes) {
  if (in_key_ || part_ == Part::Member || part_ == Part::Item) {
    const std::size_t taken = capture_.take(bytes);
    if (capture_.complete()) end_capture();
    return taken;
  }
  if (const std::size_t space = skip_space(bytes); space > 0) return space;
  if (part_ == Part::Value || (part_ == Part::Items && bytes[0] != ',' && bytes[0] != ']') ||
      (part_ == Part::Key && bytes[0] == '"')) {
    begin_value(bytes[0]);
    return part_ == Part::Items ? 1 : 0;  // the bracket of "items" belongs to no item
  }
  between(bytes[0]);
  return 1;
}

/// Punctuation of the list itself.
void JsonListStream::between(char byte) {
  if (part_ == Part::Start && byte == '{') {
    part_ = Part::Key;
  } else if (part_ == Part::Key && byte == '}') {
    part_ = Part::End;
  } else if (part_ == Part::Colon && byte == ':') {
    part_ = Part::Value;
  } else if (part_ == Part::Items && byte == ']') {
    part_ = Part::Key;
  } else if ((part_ != Part::Key && part_ != Part::Items) || byte != ',') {
    broken_ = fmt::format("the body is no list: unexpected byte at {}", offset_);
  }
}

void JsonListStream::begin_value(char byte) {
  if (part_ == Part::Key) {
    in_key_ = true;
  } else if (part_ == Part::Items) {
    part_ = Part::Item;
  } else if (key_ == "\"items\"" && byte == '[') {
    has_items_ = true;
    part_ = Part::Items;
    return;
  } else {
    part_ = Part::Member;
  }
  capture_.begin(offset_);
}

void JsonListStream::end_capture() {
  if (in_key_) {
    in_key_ = false;
    key_ = capture_.text();
    part_ = Part::Colon;
  } else if (part_ == Part::Member) {
    end_member();
    part_ = Part::Key;
  } else {
    part_ = Part::Items;
    const JsonPlace place{.number = ++number_, .offset = capture_.offset(), .size = capture_.size()};
    if (capture_.oversized()) {
      sink_.on_oversized(place);
    } else {
      sink_.on_value(capture_.text(), place);
    }
  }
}

void JsonListStream::end_member() {
  if (key_ == "\"apiVersion\"") api_version_ = capture_.text();
  if (key_ == "\"kind\"") kind_ = capture_.text();
  if (key_ == "\"metadata\"") metadata_ = capture_.text();
  // An empty list may be written as null.
  if (key_ == "\"items\"" && capture_.text() == "null") has_items_ = true;
}

Result<ListMetadata> JsonListStream::finish() {
  if (!broken_.empty()) return malformed(broken_);
  if (part_ != Part::End) return malformed(fmt::format("the list ends after {} items, at byte {}", number_, offset_));
  if (kind_.empty() || metadata_.empty() || !has_items_) return malformed("the body is no list");
  const std::string text = fmt::format("{{\"apiVersion\":{},\"kind\":{},\"metadata\":{}}}",
                                       api_version_.empty() ? "\"\"" : api_version_, kind_, metadata_);
  const auto node = JsonReader().read(text, Projection::whole());
  if (!node) return node.error().in("what the list says about itself");
  ListMetadata list{.api_version = text_at(*node, "apiVersion"), .kind = text_at(*node, "kind")};
  if (const Node* metadata = node->find("metadata"); metadata != nullptr) {
    list.resource_version = text_at(*metadata, "resourceVersion");
    list.continue_token = text_at(*metadata, "continue");
  }
  if (!list.kind.ends_with("List")) return malformed(fmt::format("the body is no list but {}", quote(list.kind)));
  if (list.resource_version.empty()) return malformed("the list has no resourceVersion");
  return list;
}

}  // namespace tierwall::daemon

// Bodies of lists and watches: however a body is cut into pieces, the same values come out of it.

#include <algorithm>
#include <string>

#include "daemon/sources/kubernetes/json_splitter.h"
#include "tests/fuzz/target.h"

namespace tierwall::fuzz {
namespace {

/// Every value that was told, as text.
struct ToldValues : daemon::JsonSink {
  void on_value(std::string_view text, const daemon::JsonPlace& place) override {
    require(text.size() == place.size, "a value is as long as it says");
    told.append(text).append("@" + std::to_string(place.offset) + "\n");
  }
  void on_oversized(const daemon::JsonPlace& place) override {
    told += std::to_string(place.number) + " of " + std::to_string(place.size) + " bytes is too large\n";
  }
  std::string told;
};

template <typename Stream>
std::string split(std::string_view body, std::size_t limit, std::size_t piece) {
  ToldValues values;
  Stream stream(values, limit);
  for (; !body.empty(); body.remove_prefix(std::min(piece, body.size())))
    static_cast<void>(stream.feed(body.substr(0, piece)));
  return values.told + (stream.finish() ? "whole" : "cut off");
}

}  // namespace

void kubernetes_stream(Bytes input) {
  const std::size_t piece = take_byte(input) % 80 + std::size_t{1};
  const std::size_t limit = take_byte(input) * std::size_t{16};
  const std::string_view body = text_of(input);
  const auto same = [&](auto split_body) {
    return split_body(body, limit, body.size()) == split_body(body, limit, piece);
  };
  require(same(split<daemon::JsonValueStream>), "pieces of a watch are the whole of it");
  require(same(split<daemon::JsonListStream>), "pieces of a list are the whole of it");
}

}  // namespace tierwall::fuzz

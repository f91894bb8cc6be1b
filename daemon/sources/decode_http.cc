#include "daemon/sources/decode_http.h"

#include <set>
#include <string>

#include <fmt/format.h>

#include "daemon/sources/decode_limits.h"

namespace tierwall::daemon {

namespace {

void check_length(const Cursor& list) {
  const std::size_t entries = list.node().items.size();
  if (entries > kMaxHttpEntries) list.error(fmt::format("at most {} entries, has {}", kMaxHttpEntries, entries));
}

void read_methods(const Cursor& at) {
  std::set<std::string> seen;
  check_length(at);
  for_each_item(at, [&seen](const Cursor& item) {
    const auto method = item.text();
    if (!method) return;
    if (method->empty()) item.error("must not be empty");
    if (!seen.insert(*method).second) item.error(fmt::format("{} stands twice in this list", quote(*method)));
  });
}

void read_path_text(const Cursor& at) {
  const auto text = at.text();
  if (!text) return;
  if (!text->starts_with('/')) at.error("must begin with /");
  if (text->find_first_of("?#") != std::string::npos) at.error("is only the path: neither ? nor # can be in it");
}

void read_path(const Cursor& at) {
  const std::size_t before = at.errors();
  read_fields(at, {{"exact", read_path_text}, {"prefix", read_path_text}});
  if (at.errors() == before) demand_one_of(at, {"exact", "prefix"});
}

void read_paths(const Cursor& at) {
  check_length(at);
  for_each_item(at, read_path);
}

}  // namespace

void read_http(const Cursor& at) {
  read_fields(at, {{"methods", read_methods}, {"paths", read_paths}});
}

}  // namespace tierwall::daemon

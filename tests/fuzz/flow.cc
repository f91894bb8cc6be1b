// Flows as scripts write them, one JSON object per line, and endpoints as people do.

#include "daemon/ctl/flow_text.h"
#include "daemon/ctl/pasted_line.h"

#include <algorithm>
#include <string>

#include "tests/fuzz/target.h"

namespace tierwall::fuzz {
namespace {

void read_end(std::string_view text) {
  const Result<daemon::ctl::End> end = daemon::ctl::parse_end(text);
  if (!end) return;
  const std::string printed = daemon::ctl::print_end(*end);
  const Result<daemon::ctl::End> again = daemon::ctl::parse_end(printed);
  require(again && *again == *end, "an endpoint is what it is printed as", printed);
}

}  // namespace

void flow(Bytes input) {
  for (std::string_view text = text_of(input); !text.empty();) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    read_end(line);
    if (const auto pasted = daemon::ctl::words_from_line(line)) static_cast<void>(daemon::ctl::parse_flow(*pasted));
    const auto json = nlohmann::ordered_json::parse(line, nullptr, false);
    if (json.is_discarded()) continue;
    const auto words = daemon::ctl::words_from_json(json);
    if (!words) continue;
    read_end(words->from);
    static_cast<void>(daemon::ctl::parse_flow(*words));
  }
}

}  // namespace tierwall::fuzz

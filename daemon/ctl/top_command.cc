#include "daemon/ctl/top_command.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <ostream>
#include <thread>

#include <fmt/format.h>

#include "daemon/control/control_client.h"
#include "daemon/ctl/status_command.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

struct Line {
  const HitRow* row = nullptr;
  std::uint64_t newly = 0;  ///< packets since the answer before
};

std::vector<Line> order(const std::vector<HitRow>& now, const std::vector<HitRow>* before) {
  std::map<std::string, std::uint64_t> earlier;
  if (before != nullptr) {
    for (const HitRow& row : *before) earlier[row.counter] = row.packets;
  }
  std::vector<Line> lines;
  lines.reserve(now.size());
  for (const HitRow& row : now) {
    const auto was = earlier.find(row.counter);
    const bool grew = was != earlier.end() && was->second < row.packets;
    lines.push_back({&row, grew ? row.packets - was->second : 0});
  }
  std::ranges::stable_sort(lines, [](const Line& left, const Line& right) {
    return left.newly != right.newly ? left.newly > right.newly : left.row->packets > right.row->packets;
  });
  return lines;
}

Result<Json> ask(const TopOptions& options) {
  return call(options.socket, "ListHits", Json::object());
}

Result<std::vector<HitRow>> read_hits(const Result<Json>& reply) {
  if (!reply) return reply.error();
  const auto rows = reply->find("hits");
  if (rows == reply->end()) return malformed("the answer has no hits");
  return hits_from_json(*rows);
}

int watch(const TopOptions& options, const Context& context) {
  std::vector<HitRow> before;
  auto asked = std::chrono::steady_clock::now();
  for (bool first = true; context.out; first = false) {
    Result<std::vector<HitRow>> now = read_hits(ask(options));
    if (!now) return report_call_failure(now.error(), options.socket, "top", context);
    const auto answered = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(answered - asked).count();
    // Home, the screen over what was there, and the rest of the old one away.
    context.out << "\x1b[H\x1b[J" << print_hits(*now, first ? nullptr : &before, seconds, options) << std::flush;
    before = *std::move(now);
    asked = answered;
    std::this_thread::sleep_for(std::chrono::duration<double>(options.interval));
  }
  return exit_code::kOk;
}

}  // namespace

std::string print_hits(const std::vector<HitRow>& now, const std::vector<HitRow>* before, double seconds,
                       const TopOptions& options) {
  Columns columns;
  if (options.legend) columns.add({"PACKETS/S", "PACKETS", "BYTES", "ACTION", "DIRECTION", "RULE"});
  const std::vector<Line> lines = order(now, before);
  const std::size_t shown = std::min(lines.size(), options.rows);
  for (std::size_t i = 0; i < shown; ++i) {
    const HitRow& row = *lines[i].row;
    const bool has_rate = before != nullptr && seconds > 0;
    const double rate = has_rate ? static_cast<double>(lines[i].newly) / seconds : 0;
    columns.add({has_rate ? fmt::format("{:.1f}", rate) : "-", fmt::format("{}", row.packets),
                 fmt::format("{}", row.bytes), row.action, row.direction, row.words});
  }
  std::string text = columns.print();
  if (shown < lines.size() && options.legend) text += fmt::format("and {} more (-n)\n", lines.size() - shown);
  return text;
}

int top_command(const TopOptions& options, const Context& context) {
  if (options.interval < 0.1) {
    print_failure(context, "top", "--interval is at least 0.1 seconds");
    return exit_code::kDaemonUsage;
  }
  if (context.environment.out_is_terminal && !options.once && options.output == Output::Text) {
    return watch(options, context);
  }
  const Result<Json> reply = ask(options);
  const Result<std::vector<HitRow>> hits = read_hits(reply);
  if (!hits) return report_call_failure(hits.error(), options.socket, "top", context);
  if (options.output == Output::Json) {
    context.out << reply->dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  } else {
    context.out << print_hits(*hits, nullptr, 0, options);
  }
  return exit_code::kOk;
}

}  // namespace tierwall::daemon::ctl

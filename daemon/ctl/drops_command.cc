#include "daemon/ctl/drops_command.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ostream>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "daemon/clock.h"
#include "daemon/control/utc_time.h"
#include "daemon/ctl/change_command.h"
#include "daemon/ctl/status_command.h"
#include "daemon/ctl/structured_text.h"
#include "daemon/ctl/terminal.h"
#include "daemon/state/open_state.h"

namespace tierwall::daemon::ctl {

namespace {

constexpr std::chrono::milliseconds kFollowEvery{500};

void add_rows(Columns& columns, const std::vector<LoggedDrop>& drops) {
  for (const LoggedDrop& entry : drops) {
    columns.add({print_utc(entry.first), name_end(entry.drop.source), name_end(entry.drop.destination),
                 name_service(entry.drop.protocol, entry.drop.icmp, entry.drop.destination_port),
                 fmt::format("{}", entry.packets), name_decider(entry.drop)});
  }
}

Result<DropPage> ask(const DropsOptions& options, std::uint64_t after) {
  const Result<Json> reply = call(options.socket, "ListDrops", {{"after", after}});
  if (!reply) return reply.error();
  const auto page = reply->find("page");
  return page == reply->end() ? malformed("the answer has no page") : drop_page_from_json(*page);
}

/// What an earlier daemon told, if none runs.
Result<DropPage> ask_daemon_or_state(const DropsOptions& options) {
  Result<DropPage> page = ask(options, 0);
  if (page || page.error().kind != ErrorKind::Unavailable || options.follow) return page;
  const auto store = open_state_for_reading(options.state);
  if (!store) return page;
  const auto told = (*store)->drops();
  if (!told) return told.error();
  return DropPage{.drops = read_told(*told),
                  .last = told->empty() ? 0 : told->rbegin()->first,
                  .trouble = "no tierwalld runs here; this is what it told before"};
}

void tell(const std::vector<LoggedDrop>& drops, bool legend, const DropsOptions& options, const Context& context) {
  if (options.output == Output::Text) {
    context.out << print_drops(drops, legend);
  } else {
    for (const LoggedDrop& entry : drops) {
      context.out << to_json(entry).dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    }
  }
  context.out.flush();
}

/// Keeps of the page what the filter means, and of that the last ones.
void choose(std::vector<LoggedDrop>& drops, const DropsOptions& options, std::chrono::milliseconds not_before) {
  std::erase_if(
      drops, [&](const LoggedDrop& entry) { return entry.last < not_before || !options.filter.matches(entry.drop); });
}

int follow(const DropsOptions& options, DropPage page, const Context& context) {
  for (;;) {
    std::this_thread::sleep_for(kFollowEvery);
    Result<DropPage> news = ask(options, page.last);
    if (!news) return report_call_failure(news.error(), options.socket, "drops", context);
    // Less than before: another daemon, which counts from the start.
    if (news->last < page.last) news->last = 0;
    page = *std::move(news);
    choose(page.drops, options, std::chrono::milliseconds(0));
    if (!page.drops.empty()) tell(page.drops, false, options, context);
    if (!context.out) return exit_code::kOk;
  }
}

}  // namespace

bool DropFilter::matches(const Drop& drop) const {
  const std::string full_name = drop.ns.empty() ? drop.name : drop.ns + "/" + drop.name;
  return traffic.matches({drop.source, drop.destination, drop.protocol, drop.destination_port}) &&
         (direction.empty() || direction == drop.direction) &&
         (policy.empty() || policy == drop.name || policy == full_name);
}

std::string print_drops(const std::vector<LoggedDrop>& drops, bool legend) {
  Columns columns;
  if (legend) columns.add({"TIME", "FROM", "TO", "SERVICE", "PACKETS", "DENIED BY"});
  add_rows(columns, drops);
  return columns.print();
}

int drops_command(const DropsOptions& options, const Context& context) {
  std::chrono::milliseconds not_before{0};
  if (!options.since.empty()) {
    const auto span = parse_duration(options.since);
    if (!span) {
      print_failure(context, "drops", "--since: " + span.error().message);
      return exit_code::kDaemonUsage;
    }
    not_before = SystemClock().unix_time() - *span;
  }
  Result<DropPage> page = ask_daemon_or_state(options);
  if (!page) return report_call_failure(page.error(), options.socket, "drops", context);
  if (!page->trouble.empty()) print_failure(context, "drops", page->trouble);
  choose(page->drops, options, not_before);
  if (page->drops.size() > options.last) {
    page->drops.erase(page->drops.begin(), page->drops.end() - static_cast<std::ptrdiff_t>(options.last));
  }
  if (options.output == Output::Json) {
    context.out << print_structured(to_json(*page), Output::Json);
    return exit_code::kOk;
  }
  tell(page->drops, options.legend && context.environment.out_is_terminal, options, context);
  return options.follow ? follow(options, *std::move(page), context) : exit_code::kOk;
}

}  // namespace tierwall::daemon::ctl

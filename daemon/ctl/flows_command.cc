#include "daemon/ctl/flows_command.h"

#include <poll.h>

#include <algorithm>
#include <memory>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "daemon/clock.h"
#include "daemon/connections/netlink_connection_events.h"
#include "daemon/connections/netlink_connections.h"
#include "daemon/control/utc_time.h"
#include "daemon/ctl/change_command.h"
#include "daemon/ctl/reading_pace.h"
#include "daemon/ctl/structured_text.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view kFlowsVerb = "flows";
/// So often the world is asked for news while connections are followed, and the pipe is looked after.
constexpr milliseconds kPatience{500};

int fail(const Context& context, const Error& error) {
  print_failure(context, kFlowsVerb, error.message);
  return error.kind == ErrorKind::Unavailable ? exit_code::kNotRunning : exit_code::kDaemonUsage;
}

std::string name_verdict(const SeenFlow& flow) {
  return flow.staged_verdict.empty() ? flow.verdict : fmt::format("{} (staged: {})", flow.verdict, flow.staged_verdict);
}

void tell(const std::vector<SeenFlow>& flows, bool legend, const FlowsOptions& options, const Context& context) {
  if (options.output == Output::Text) {
    context.out << print_flows(flows, legend);
  } else {
    for (const SeenFlow& flow : flows)
      context.out << to_json(flow).dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  }
  context.out.flush();
}

/// Those that are meant, judged. Cheap questions come first: a node may have 100,000 connections.
std::vector<SeenFlow> choose(const std::vector<TrackedConnection>& connections, const FlowTeller& teller,
                             const FlowFilter& filter, milliseconds time) {
  std::vector<SeenFlow> flows;
  for (const TrackedConnection& connection : connections) {
    if (connection.over) continue;
    SeenFlow flow = teller.name(connection);
    flow.time = time;
    if (!filter.traffic.matches({flow.source, flow.destination, flow.protocol, flow.destination_port})) continue;
    teller.judge(connection, flow);
    if (filter.matches(flow)) flows.push_back(std::move(flow));
  }
  return flows;
}

int list(const FlowsOptions& options, const Context& context) {
  Result<NodeWorld> world = read_node_world(options.doors);
  if (!world) return fail(context, world.error());
  note_absent_daemon(*world, kFlowsVerb, context);
  NetlinkConnections kernel;
  Result<LiveConnections> live = list_live_connections(kernel);
  if (!live) return fail(context, live.error());
  Routes routes;
  const FlowTeller teller(*std::move(world), std::move(live->own_addresses), routes);
  std::vector<SeenFlow> flows = choose(live->connections, teller, options.filter, milliseconds(0));
  if (options.last > 0 && flows.size() > options.last)
    flows.erase(flows.begin(), flows.end() - static_cast<std::ptrdiff_t>(options.last));
  if (options.output == Output::Json) {
    Json all = Json::array();
    for (const SeenFlow& flow : flows) all.push_back(to_json(flow));
    context.out << print_structured(Json{{"flows", std::move(all)}}, Output::Json);
    return exit_code::kOk;
  }
  tell(flows, options.legend && context.environment.out_is_terminal, options, context);
  return exit_code::kOk;
}

// ---- following -------------------------------------------------------------------------------------------------

/// The world connections are judged by, read anew when the daemon knows something else, at a pace: in a busy cluster
/// something is always new, and every object is read.
class FollowedWorld {
 public:
  FollowedWorld(const NodeDoors& doors, const Clock& clock, const Context& context)
      : doors_(doors), clock_(clock), context_(context) {}

  Result<void> refresh() {
    const std::chrono::microseconds began = clock_.monotonic();
    if (teller_ != nullptr) {
      if (!pace_.is_due(began)) return {};
      const Result<NodeFacts> facts = read_node_facts(doors_);
      pace_.note_reading(began, clock_.monotonic());
      // Without a daemon nothing changes; what was known goes on to be told.
      if (!facts || facts->known == teller_->known()) return {};
    }
    Result<NodeWorld> world = read_node_world(doors_);
    if (!world) return world.error();
    if (teller_ == nullptr) note_absent_daemon(*world, kFlowsVerb, context_);
    Result<std::set<policy::Address>> own_addresses = NetlinkConnections().own_addresses();
    if (!own_addresses) return own_addresses.error();
    routes_ = Routes();
    teller_ = std::make_unique<FlowTeller>(*std::move(world), *std::move(own_addresses), routes_);
    pace_.note_reading(began, clock_.monotonic());
    return {};
  }
  [[nodiscard]] const FlowTeller& teller() const { return *teller_; }

 private:
  const NodeDoors& doors_;
  const Clock& clock_;
  const Context& context_;
  ReadingPace pace_;
  Routes routes_;
  std::unique_ptr<FlowTeller> teller_;
};

/// Forever if nothing is given.
Result<std::chrono::steady_clock::time_point> end_of(const std::string& duration) {
  if (duration.empty()) return std::chrono::steady_clock::time_point::max();
  const Result<milliseconds> span = parse_duration(duration);
  if (!span) return span.error().in("--for");
  return std::chrono::steady_clock::now() + *span;
}

/// The next ones, or none if nothing began for a while.
Result<std::vector<TrackedConnection>> wait_for(ConnectionEvents& events) {
  constexpr std::size_t kMostAtOnce = 1'000;
  pollfd readable{.fd = events.fd(), .events = POLLIN, .revents = 0};
  poll(&readable, 1, static_cast<int>(kPatience.count()));
  return events.read(kMostAtOnce);
}

int follow(const FlowsOptions& options, const Context& context) {
  const auto end = end_of(options.duration);
  if (!end) return fail(context, end.error());
  const auto events = NetlinkConnectionEvents::open();
  if (!events) return fail(context, events.error());
  const SystemClock clock;
  FollowedWorld world(options.doors, clock, context);
  bool legend = options.legend && context.environment.out_is_terminal;
  for (std::uint64_t lost = 0; context.out && std::chrono::steady_clock::now() < *end;) {
    const auto connections = wait_for(**events);
    if (!connections) return fail(context, connections.error());
    if (const Result<void> read = world.refresh(); !read) return fail(context, read.error());
    if (const std::uint64_t now_lost = (*events)->lost(); now_lost > std::exchange(lost, now_lost)) {
      print_failure(context, kFlowsVerb, fmt::format("{} so far began faster than they could be told", now_lost));
    }
    const std::vector<SeenFlow> flows = choose(*connections, world.teller(), options.filter, clock.unix_time());
    if (!flows.empty()) tell(flows, std::exchange(legend, false), options, context);
  }
  return exit_code::kOk;
}

}  // namespace

bool FlowFilter::matches(const SeenFlow& flow) const {
  return traffic.matches({flow.source, flow.destination, flow.protocol, flow.destination_port}) &&
         (verdict.empty() || verdict == flow.verdict) && (policy.empty() || flow.by.find(policy) != std::string::npos);
}

std::string print_flows(const std::vector<SeenFlow>& flows, bool legend) {
  const bool timed = std::ranges::any_of(flows, [](const SeenFlow& flow) { return flow.time.count() > 0; });
  Columns columns;
  const auto add = [&](std::vector<std::string> cells, const std::string& time) {
    if (timed) cells.insert(cells.begin(), time);
    columns.add(std::move(cells));
  };
  if (legend) add({"FROM", "TO", "SERVICE", "VERDICT", "BY"}, "TIME");
  for (const SeenFlow& flow : flows) {
    const std::string to = name_end(flow.destination) + (flow.asked_for.empty() ? "" : " (as " + flow.asked_for + ")");
    add({name_end(flow.source), to, name_service(flow.protocol, flow.icmp, flow.destination_port), name_verdict(flow),
         flow.by},
        print_utc(flow.time));
  }
  return columns.print();
}

int flows_command(const FlowsOptions& options, const Context& context) {
  return options.follow ? follow(options, context) : list(options, context);
}

}  // namespace tierwall::daemon::ctl

#include "daemon/ctl/trace_command.h"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <ostream>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "daemon/ctl/change_command.h"
#include "daemon/ctl/flow_text.h"
#include "daemon/ctl/structured_text.h"
#include "daemon/ctl/suggestion.h"
#include "daemon/ctl/traced_packet.h"
#include "nft/netlink_trace.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Address;
using policy::Family;
using std::chrono::steady_clock;

constexpr std::string_view kTraceVerb = "trace";
/// Some forty steps of half a kilobyte each: what the socket holds while nobody reads.
constexpr std::uint64_t kMostPackets = 100;
/// So long the kernel is listened to before the pipe and the time are looked after.
constexpr std::chrono::milliseconds kReadPatience{100};

int fail_trace(const Context& context, const Error& error) {
  print_failure(context, kTraceVerb, error.message);
  return error.kind == ErrorKind::Unavailable ? exit_code::kNotRunning : exit_code::kBadInput;
}

// ---- which packets -----------------------------------------------------------------------------------------------

/// Pods by name and by address; none where nobody knows any.
class KnownPods {
 public:
  explicit KnownPods(const Result<NodeWorld>& world) {
    if (!world) return;
    for (const auto& [name, pod] : world->snapshot().pods) {
      if (!pod.is_endpoint()) continue;
      const std::string words = pod.ns + "/" + pod.name;
      addresses_.emplace(words, pod.addresses);
      for (const Address& address : pod.addresses) names_.emplace(address, words);
    }
  }

  [[nodiscard]] Result<std::vector<Address>> addresses_of(const std::string& name) const {
    if (const auto pod = addresses_.find(name); pod != addresses_.end()) return pod->second;
    std::vector<std::string> known;
    for (const auto& [other, addresses] : addresses_) known.push_back(other);
    return Error{ErrorKind::NotFound,
                 fmt::format("no pod '{}' with addresses of its own is known{}", name, suggest(name, known))};
  }
  [[nodiscard]] DropEnd name(const Address& address) const {
    const auto pod = names_.find(address);
    return {policy::print_address(address), pod == names_.end() ? std::string() : pod->second};
  }

 private:
  std::map<std::string, std::vector<Address>> addresses_;
  std::map<Address, std::string> names_;
};

/// Absent: any.
using Choice = std::optional<std::vector<Address>>;

Result<Choice> read_end(const std::string& text, std::string_view option, const KnownPods& pods) {
  if (text.empty()) return Choice();
  const Result<End> end = parse_end(text);
  if (!end) return end.error().in(std::string(option));
  if (end->kind == End::Kind::Address) return Choice({*end->address});
  if (end->kind != End::Kind::Pod)
    return malformed(fmt::format("{}: '{}': name a pod, or an address: pod:NAMESPACE/NAME, ip:ADDRESS", option, text));
  const Result<std::vector<Address>> addresses = pods.addresses_of(policy::print_name(end->pod));
  if (!addresses) return addresses.error();
  return Choice(*addresses);
}

std::optional<Address> of_family(const Choice& choice, Family family) {
  if (!choice) return std::nullopt;
  const auto found = std::ranges::find(*choice, family, &Address::family);
  return found == choice->end() ? std::nullopt : std::optional(*found);
}

Result<void> choose_addresses(const Choice& from, const Choice& to, const std::optional<std::string>& wanted,
                              nft::TracedFlow& flow) {
  if (wanted && *wanted != "4" && *wanted != "6") return malformed("--family: 4 or 6");
  for (const Family family : policy::kFamilies) {
    if (wanted && (*wanted == "4") != (family == Family::V4)) continue;
    flow.source = of_family(from, family);
    flow.destination = of_family(to, family);
    if (flow.source.has_value() == from.has_value() && flow.destination.has_value() == to.has_value()) return {};
  }
  return malformed("the ends have no address of the same family");
}

Result<void> choose_service(const TraceOptions& options, nft::TracedFlow& flow) {
  if (options.proto) {
    const auto protocol = policy::parse_protocol(*options.proto);
    if (!protocol) return protocol.error().in("--proto");
    flow.protocol = *protocol;
  }
  if (!options.dport) return {};
  const auto port = policy::parse_port_range(*options.dport);
  if (!port || port->first != port->last) return malformed(fmt::format("--dport: '{}' is no port", *options.dport));
  flow.protocol = flow.protocol.value_or(policy::kTcp);
  if (!policy::has_ports(*flow.protocol)) return malformed("--dport goes with tcp, udp and sctp");
  flow.destination_port = port->first;
  return {};
}

Result<nft::TracedFlow> read_flow(const TraceOptions& options, const KnownPods& pods) {
  if (options.from.empty() && options.to.empty()) return malformed("name an end: --from EP, --to EP, or both");
  if (options.packets == 0 || options.packets > kMostPackets)
    return malformed(fmt::format("--packets: 1 to {}", kMostPackets));
  const auto from = read_end(options.from, "--from", pods);
  if (!from) return from.error();
  const auto to = read_end(options.to, "--to", pods);
  if (!to) return to.error();
  nft::TracedFlow flow{.packets = static_cast<std::uint32_t>(options.packets)};
  if (const auto chosen = choose_addresses(*from, *to, options.family, flow); !chosen) return chosen.error();
  if (const auto chosen = choose_service(options, flow); !chosen) return chosen.error();
  return flow;
}

// ---- following them ----------------------------------------------------------------------------------------------

std::string name_interface(std::uint32_t index) {
  std::array<char, IF_NAMESIZE> name{};
  return if_indextoname(index, name.data()) == nullptr ? fmt::format("interface {}", index) : name.data();
}

/// Tells of packets as they come to their end.
class Follower {
 public:
  Follower(nft::PacketTrace& trace, const KnownPods& pods, const TraceOptions& options, const Context& context)
      : trace_(trace), pods_(pods), options_(options), context_(context) {}

  /// Until so many packets were seen, or the reader has gone, or the time is over; what has begun by then comes to its
  /// end, as the kernel begins no more than was asked for.
  Result<void> follow(steady_clock::time_point end) {
    if (const Result<void> read = read_comments(); !read) return read.error();
    while (seen_ < options_.packets && context_.out && (steady_clock::now() < end || gatherer_.has_open())) {
      auto steps = trace_.read(kReadPatience);
      if (!steps) return steps.error();
      if (std::ranges::any_of(*steps, [&](const auto& step) { return is_news(step); })) {
        if (const Result<void> read = read_comments(); !read) return read.error();
      }
      gatherer_.add(*std::move(steps), steady_clock::now());
      tell(gatherer_.take(steady_clock::now()));
    }
    return {};
  }

  int conclude() {
    if (options_.output == Output::Json) {
      const Json all{{"packets", packets_}, {"steps_lost", trace_.has_lost()}};
      context_.out << print_structured(all, Output::Json);
    }
    if (trace_.has_lost())
      print_failure(context_, kTraceVerb, "steps are missing: they came faster than they could be read");
    if (seen_ == 0) print_failure(context_, kTraceVerb, "no such packet came by");
    if (was_denied_) return exit_code::kDenied;
    return seen_ == 0 || is_uncertain_ ? exit_code::kNotRunning : exit_code::kOk;
  }

 private:
  Result<void> read_comments() {
    auto comments = trace_.list_comments();
    if (!comments) return comments.error();
    comments->merge(comments_);  // a packet may have met a rule that is gone
    comments_ = *std::move(comments);
    return {};
  }
  /// A rule of ours that came after the comments were read: policy has changed.
  [[nodiscard]] bool is_news(const nft::TraceStep& step) const {
    return step.at == nft::TraceStep::At::Rule && step.table == nft::kTableName && !comments_.contains(step.key());
  }

  void tell(const std::vector<TracedPacket>& packets) {
    const TraceWords words{comments_, [&](const Address& address) { return pods_.name(address); }, name_interface,
                           trace_.has_lost()};
    for (const TracedPacket& packet : packets) {
      if (seen_++ >= options_.packets) return;
      Json json = to_json(packet, words);
      was_denied_ = was_denied_ || json.at("verdict") == "deny";
      is_uncertain_ = is_uncertain_ || json.at("verdict") == "unknown";
      if (options_.output == Output::Text) context_.out << print_packet(packet, words, context_.color) << std::flush;
      packets_.push_back(std::move(json));
    }
  }

  nft::PacketTrace& trace_;
  const KnownPods& pods_;
  const TraceOptions& options_;
  const Context& context_;
  nft::RuleComments comments_;
  PacketGatherer gatherer_;
  std::uint64_t seen_ = 0;
  bool was_denied_ = false;
  bool is_uncertain_ = false;
  Json packets_ = Json::array();
};

}  // namespace

int trace_packets(const TraceOptions& options, const Result<NodeWorld>& world, nft::PacketTrace& trace,
                  const Context& context) {
  const auto span = parse_duration(options.duration);
  if (!span) return fail_trace(context, span.error().in("--for"));
  const bool names_pod = options.from.starts_with("pod:") || options.to.starts_with("pod:");
  if (!world && names_pod) return fail_trace(context, world.error());
  const KnownPods pods(world);
  const auto flow = read_flow(options, pods);
  if (!flow) return fail_trace(context, flow.error());
  if (const Result<void> started = trace.start(*flow); !started) return fail_trace(context, started.error());
  if (context.environment.out_is_terminal)
    context.err << fmt::format("waiting for such packets, at most {}\n", options.duration) << std::flush;
  Follower follower(trace, pods, options, context);
  if (const auto followed = follower.follow(steady_clock::now() + *span); !followed)
    return fail_trace(context, followed.error());
  return follower.conclude();
}

int trace_command(const TraceOptions& options, const Context& context) {
  const auto trace = nft::NetlinkTrace::open();
  if (!trace) return fail_trace(context, trace.error());
  return trace_packets(options, read_node_world(options.doors), **trace, context);
}

}  // namespace tierwall::daemon::ctl

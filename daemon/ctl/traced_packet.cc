#include "daemon/ctl/traced_packet.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "daemon/ctl/terminal.h"
#include "daemon/ctl/traffic_filter.h"
#include "daemon/drops/packet_headers.h"
#include "nft/encode.h"

namespace tierwall::daemon::ctl {

namespace {

using At = nft::TraceStep::At;
using nft::TraceStep;

// ---- one step --------------------------------------------------------------------------------------------------

/// A step and what it means; what is plumbing has no verdict.
struct ToldStep {
  const TraceStep& step;
  std::string where;    ///< "forward" of ours, "ip filter FORWARD" of another table
  std::string verdict;  ///< allow, deny, pass, log, ask: its chains are asked; of another table the kernel's word
  std::string what;
};

bool is_ours(const TraceStep& step) {
  return step.table == nft::kTableName;
}

std::string name_family(std::uint8_t family) {
  switch (family) {
    case 1:
      return "inet";
    case 2:
      return "ip";
    case 3:
      return "arp";
    case 5:
      return "netdev";
    case 7:
      return "bridge";
    case 10:
      return "ip6";
    default:
      return fmt::format("family {}", family);
  }
}

/// Empty: it leads on to where the same chain is split.
std::string verdict_of_policy(const TraceStep& step, const std::string& comment) {
  const bool tells_tier = comment.find("tier ") != std::string::npos;
  if (step.verdict == "return" || step.verdict == "accept") return step.at == At::Rule ? "allow" : "";
  if (step.verdict.starts_with("goto ")) return tells_tier ? "pass" : "";
  return step.verdict == "continue" && tells_tier ? "log" : "";
}

std::string verdict_of_base_chain(const TraceStep& step) {
  if (step.verdict == "accept") return "allow";
  return step.verdict.starts_with("jump ") || step.verdict.starts_with("goto ") ? "ask" : "";
}

/// Reads the steps of a packet in order.
class StepReader {
 public:
  explicit StepReader(const nft::RuleComments& comments) : comments_(comments) {}

  ToldStep read(const TraceStep& step) {
    const auto found = comments_.find(step.key());
    const std::string comment = step.at == At::Rule && found != comments_.end() ? found->second : std::string();
    return is_ours(step) ? read_ours(step, comment) : read_other(step, comment);
  }

 private:
  ToldStep read_ours(const TraceStep& step, const std::string& comment) {
    const bool is_asked = asked_.contains(step.chain);
    if (!is_asked) base_chain_ = step.chain;
    if (const auto blank = step.verdict.find(' '); blank != std::string::npos)
      asked_.insert(step.verdict.substr(blank + 1));
    ToldStep told{step, base_chain_, {}, step.at == At::Policy ? "no policy has anything against it" : comment};
    // Where denials are told of they share a chain at their end.
    const bool denies = step.verdict == "goto denied" || (step.verdict == "drop" && step.chain != "denied");
    told.verdict = denies ? "deny" : is_asked ? verdict_of_policy(step, comment) : verdict_of_base_chain(step);
    return told;
  }

  static ToldStep read_other(const TraceStep& step, const std::string& comment) {
    ToldStep told{step, fmt::format("{} {} {}", name_family(step.family), step.table, step.chain), step.verdict, {}};
    if (step.at == At::Return) told.verdict.clear();
    told.what = step.at == At::Policy ? "the chain's own policy" : fmt::format("rule {}", step.rule);
    if (!comment.empty()) told.what = fmt::format("{}: {}", told.what, comment);
    return told;
  }

  const nft::RuleComments& comments_;
  std::set<std::string> asked_;  // chains that others led to: no base chains
  std::string base_chain_;
};

// ---- a packet --------------------------------------------------------------------------------------------------

std::vector<ToldStep> read_steps(const TracedPacket& packet, const TraceWords& words) {
  StepReader reader(words.comments);
  std::vector<ToldStep> told;
  for (const TraceStep& step : packet.steps) {
    if (step.table != nft::kTraceName) told.push_back(reader.read(step));
  }
  return told;
}

struct PacketEnd {
  std::string verdict;  ///< of to_json()
  std::string by;
};

PacketEnd end_of(const std::vector<ToldStep>& told, bool steps_lost) {
  const auto last =
      std::find_if(told.rbegin(), told.rend(), [](const ToldStep& step) { return !step.verdict.empty(); });
  if (last != told.rend()) {
    const std::string by =
        is_ours(last->step) ? last->what : fmt::format("{}, which is not Tierwall's: {}", last->where, last->what);
    if (last->verdict == "deny" || last->verdict == "drop") return {"deny", by};
    if (last->verdict == "queue" || last->verdict == "stolen") return {"unknown", "it was handed on by " + by};
  }
  if (steps_lost) return {"unknown", "steps were lost"};
  const bool met = std::ranges::any_of(told, [](const ToldStep& step) { return is_ours(step.step); });
  return {"allow", met ? "no chain that was asked denies it" : "no chain of Tierwall's was asked"};
}

std::string print_end(const PacketEnd& end, bool color) {
  if (end.verdict == "deny") return paint("=> denied by " + end.by, Color::Red, color);
  if (end.verdict == "allow") return paint("=> through: " + end.by, Color::Green, color);
  return paint("=> what became of it is not known: " + end.by, Color::Yellow, color);
}

std::optional<PacketHeaders> headers_at(const TraceStep& step) {
  if (step.headers.empty()) return std::nullopt;
  const Result<PacketHeaders> headers = read_headers(step.headers);
  return headers ? std::optional(*headers) : std::nullopt;
}

std::optional<PacketHeaders> first_headers(const TracedPacket& packet) {
  for (const TraceStep& step : packet.steps) {
    if (const auto headers = headers_at(step)) return headers;
  }
  return std::nullopt;
}

std::optional<std::string> print_icmp_of(const PacketHeaders& headers) {
  if (headers.protocol != policy::kIcmp && headers.protocol != policy::kIcmpv6) return std::nullopt;
  return fmt::format("{}/{}", headers.icmp_type, headers.icmp_code);
}

std::string print_headers(const PacketHeaders& headers, const TraceWords& words) {
  return fmt::format(
      "{} -> {}, {}", name_end(words.name_end(headers.source)), name_end(words.name_end(headers.destination)),
      name_service(policy::print_protocol(headers.protocol), print_icmp_of(headers), headers.destination_port));
}

/// "in by cali1, out by cali2", where that is news.
class InterfaceNews {
 public:
  explicit InterfaceNews(const TraceWords& words) : words_(words) {}

  std::string tell(const TraceStep& step) {
    const std::pair now(step.in_interface, step.out_interface);
    if (now == std::exchange(last_, now)) return {};
    std::vector<std::string> parts;
    if (now.first != 0) parts.push_back("in by " + words_.name_interface(now.first));
    if (now.second != 0) parts.push_back("out by " + words_.name_interface(now.second));
    return parts.empty() ? std::string() : fmt::format(" ({})", join(parts, ", "));
  }

 private:
  const TraceWords& words_;
  std::pair<std::uint32_t, std::uint32_t> last_{0, 0};
};

/// Who and to whom, as soon as that is another one than before: a Service, or masquerading.
class TranslationNews {
 public:
  explicit TranslationNews(std::optional<PacketHeaders> sent) : last_(sent) {}

  std::optional<PacketHeaders> tell(const TraceStep& step) {
    const auto now = headers_at(step);
    if (!now || now == last_) return std::nullopt;
    last_ = now;
    return now;
  }

 private:
  std::optional<PacketHeaders> last_;
};

std::string print_steps(const TracedPacket& packet, const std::vector<ToldStep>& told, const TraceWords& words) {
  InterfaceNews interfaces(words);
  TranslationNews translation(first_headers(packet));
  Columns columns(2);
  for (const ToldStep& step : told) {
    if (const auto now = translation.tell(step.step)) columns.add({step.where, "now", print_headers(*now, words)});
    if (!step.verdict.empty()) columns.add({step.where, step.verdict, step.what + interfaces.tell(step.step)});
  }
  return columns.print();
}

Json end_in_json(const DropEnd& end) {
  return {{"address", end.address}, {"pod", end.pod}};
}

Json headers_in_json(const PacketHeaders& headers, const TraceWords& words) {
  const std::optional<std::string> icmp = print_icmp_of(headers);
  return {{"source", end_in_json(words.name_end(headers.source))},
          {"destination", end_in_json(words.name_end(headers.destination))},
          {"protocol", policy::print_protocol(headers.protocol)},
          {"source_port", headers.source_port},
          {"destination_port", headers.destination_port},
          {"icmp", icmp ? Json(*icmp) : Json(nullptr)}};
}

Json step_in_json(const ToldStep& told, const TraceWords& words) {
  const TraceStep& step = told.step;
  const auto interface = [&](std::uint32_t index) { return index == 0 ? std::string() : words.name_interface(index); };
  return {{"family", name_family(step.family)},
          {"table", step.table},
          {"chain", step.chain},
          {"rule", step.rule},
          {"kernel_verdict", step.verdict},
          {"in_interface", interface(step.in_interface)},
          {"out_interface", interface(step.out_interface)},
          {"verdict", told.verdict},
          {"what", told.what}};
}

}  // namespace

PacketGatherer::OpenPacket* PacketGatherer::find(std::uint32_t number) {
  const auto known = std::ranges::find_if(
      packets_, [&](const OpenPacket& open) { return !open.is_over && open.packet.steps.front().packet == number; });
  return known == packets_.end() ? nullptr : &*known;
}

void PacketGatherer::add(std::vector<TraceStep> steps, Time now) {
  for (TraceStep& step : steps) {
    OpenPacket* known = find(step.packet);
    // The kernel numbers packets by where they lie in memory, so numbers come again.
    if (step.table == nft::kTraceName && step.at == At::Rule) {
      if (known != nullptr) known->is_over = true;
      packets_.push_back({.packet = {{std::move(step)}}, .last_step = now});
    } else if (known != nullptr) {
      known->is_over = step.verdict == "drop";
      known->packet.steps.push_back(std::move(step));
      known->last_step = now;
    }
  }
}

std::vector<TracedPacket> PacketGatherer::take(Time now) {
  std::vector<TracedPacket> taken;
  std::erase_if(packets_, [&](OpenPacket& open) {
    if (!open.is_over && now - open.last_step < kQuiet) return false;
    taken.push_back(std::move(open.packet));
    return true;
  });
  return taken;
}

std::string print_packet(const TracedPacket& packet, const TraceWords& words, bool color) {
  const std::vector<ToldStep> told = read_steps(packet, words);
  const auto headers = first_headers(packet);
  return (headers ? print_headers(*headers, words) : "a packet without an IP header") + "\n" +
         print_steps(packet, told, words) + print_end(end_of(told, words.steps_lost), color) + "\n";
}

Json to_json(const TracedPacket& packet, const TraceWords& words) {
  const std::vector<ToldStep> told = read_steps(packet, words);
  const auto headers = first_headers(packet);
  const PacketEnd end = end_of(told, words.steps_lost);
  Json json = headers ? headers_in_json(*headers, words) : Json::object();
  json["verdict"] = end.verdict;
  json["by"] = end.by;
  json["steps"] = Json::array();
  for (const ToldStep& step : told) json["steps"].push_back(step_in_json(step, words));
  return json;
}

}  // namespace tierwall::daemon::ctl

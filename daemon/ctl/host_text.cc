#include "daemon/ctl/host_text.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "daemon/ctl/passages.h"
#include "daemon/ctl/reason_text.h"
#include "daemon/ctl/terminal.h"
#include "daemon/ctl/walk_text.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Direction;
using policy::PolicyClass;
using policy::Reason;
using policy::Verdict;

constexpr std::size_t kIndent = 3;
constexpr std::size_t kAllClasses = 4;

class HostAnswerPrinter {
 public:
  HostAnswerPrinter(const HostAnswer& answer, const policy::ResolvedHostEndpoint& endpoint, const policy::Flow& flow,
                    const PolicyView& view, Shade shade)
      : decision_(answer.decision),
        direction_(answer.decision.host->direction),
        endpoint_(endpoint),
        flow_(flow),
        view_(view),
        shade_(shade),
        interface_((direction_ == Direction::Ingress ? answer.passage.in : answer.passage.out).value_or("")),
        classes_(policy::classes_asked(answer.passage, endpoint, direction_)) {}

  std::string run() {
    if (decision_.reason == Reason::NeighbourDiscovery) {
      print_end("not judged: IPv6 does not work without neighbour discovery");
    } else if (decision_.reason == Reason::Dhcpv6) {
      print_end("not judged: a node may lose its addresses without DHCPv6");
    } else {
      print_classes();
    }
    return std::move(text_);
  }

 private:
  void print_line(const std::string& line) { text_ += wrap(line, kIndent, kIndent + 2); }
  void print_end(const std::string& line) { text_ += print_decisive(line, kIndent, shade_); }

  /// Up to the class that decided. What no class decides passes.
  void print_classes() {
    print_absent();
    for (auto it = classes_.begin(); it != classes_.end(); ++it) {
      const policy::Treatment* treatment = view_.resolved.treatment(endpoint_, *it, direction_);
      if (treatment == nullptr) continue;
      if (print_class(*treatment)) return print_unreached({it + 1, classes_.end()});
    }
    print_end(describe_end());
  }

  /// True if it decided.
  bool print_class(const policy::Treatment& treatment) {
    const std::string name(policy::print_class(treatment.policy_class));
    if (treatment.policy_class != PolicyClass::Forward && policy::is_dhcpv6(direction_, flow_)) {
      const std::string what = name + " policy: not asked, as DHCPv6 always passes";
      if (treatment.policy_class != PolicyClass::Normal) {
        print_line(what);
        return false;
      }
      print_end(what);
      return true;
    }
    if (is_failsafe(treatment.policy_class)) {
      const std::string what =
          fmt::format("{} policy: not asked, as {} is a failsafe port", name, print_service(flow_));
      if (decision_.reason != Reason::Failsafe || treatment.policy_class != PolicyClass::Normal) {
        print_line(what);
        return false;
      }
      print_end(what + " (by the default lists, as manifests say nothing of tierwall.toml)");
      return true;
    }
    print_line(name + " policy");
    text_ += print_walk(walk(view_, endpoint_, treatment, flow_), view_.resolved, flow_, shade_, 2);
    // A class that leaves it to the next is not the one that decided, unless it was the last and all passed it.
    return decision_.host->policy_class == treatment.policy_class && !falls_through();
  }

  [[nodiscard]] bool is_failsafe(PolicyClass policy_class) const {
    return policy_class != PolicyClass::Forward &&
           policy::find_failsafe(view_.failsafes, direction_, policy_class == PolicyClass::Untracked, flow_,
                                 interface_) != nullptr;
  }

  /// Normal policy always decides.
  [[nodiscard]] bool falls_through() const {
    return decision_.reason == Reason::NoPolicy && decision_.host->policy_class != PolicyClass::Normal;
  }

  static std::string list(const std::vector<PolicyClass>& classes) {
    std::vector<std::string> names;
    names.reserve(classes.size());
    for (const PolicyClass policy_class : classes) names.emplace_back(policy::print_class(policy_class));
    return list_some(names, kAllClasses, "or");
  }

  [[nodiscard]] std::vector<PolicyClass> absent() const {
    std::vector<PolicyClass> without;
    for (const PolicyClass policy_class : classes_) {
      if (view_.resolved.treatment(endpoint_, policy_class, direction_) == nullptr) without.push_back(policy_class);
    }
    return without;
  }

  void print_absent() {
    const std::vector<PolicyClass> without = absent();
    if (!without.empty() && without.size() < classes_.size()) print_line(fmt::format("no {} policy", list(without)));
  }

  void print_unreached(const std::vector<PolicyClass>& classes) {
    if (!classes.empty()) print_line(fmt::format("not reached: {} policy", list(classes)));
  }

  [[nodiscard]] std::string describe_end() const {
    const std::string why = absent().size() == classes_.size() ? fmt::format("no {} policy", list(classes_))
                                                               : std::string("none of it decided");
    if (classes_.back() == PolicyClass::Forward) return why + ": Allow, as nothing denies what crosses the node";
    return why + ": Allow, as all interfaces leave the rest to the pod's own policy";
  }

  const policy::Decision& decision_;
  Direction direction_;
  const policy::ResolvedHostEndpoint& endpoint_;
  const policy::Flow& flow_;
  const PolicyView& view_;
  Shade shade_;
  std::string interface_;
  std::vector<PolicyClass> classes_;
  std::string text_;
};

}  // namespace

std::string print_way(const policy::Passage& passage, Direction direction) {
  const bool in = direction == Direction::Ingress;
  const std::string& interface = in ? passage.in.value() : passage.out.value();
  if (interface == policy::kPodInterface) return in ? "from its pod" : "to its pod";
  return interface == kUnknownInterface ? std::string() : "by " + interface;
}

std::string print_host_answer(const std::string& title, const HostAnswer& answer, const policy::Flow& flow,
                              const PolicyView& view, bool color) {
  const policy::Decision& decision = answer.decision;
  const Color shade = decision.verdict == Verdict::Allow ? Color::Green : Color::Red;
  const auto endpoint =
      std::ranges::find(view.resolved.host_endpoints, decision.host->endpoint, &policy::ResolvedHostEndpoint::name);
  TIERWALL_CHECK(endpoint != view.resolved.host_endpoints.end());
  return title + ": " + paint(policy::print_verdict(decision.verdict), shade, color) + "\n" +
         HostAnswerPrinter(answer, *endpoint, flow, view, {shade, color}).run();
}

std::string print_crossing(const Connection& connection, const PolicyView& view, bool color) {
  std::string text;
  for (const HostAnswer& answer : connection.crossing) {
    const policy::HostPoint& point = *answer.decision.host;
    const std::string way = print_way(answer.passage, point.direction);
    const std::string title =
        fmt::format("crossing node {}, {}{} at HostEndpoint {}", answer.passage.node,
                    point.direction == Direction::Ingress ? "in" : "out", way.empty() ? "" : " " + way, point.endpoint);
    text += "\n" + print_host_answer(title, answer, connection.flow, view, color);
  }
  return text;
}

}  // namespace tierwall::daemon::ctl

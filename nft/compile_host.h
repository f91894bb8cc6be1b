#pragma once
// The host endpoints of this node in the table; policy/evaluate_host.h is what it must equal.
//
//   raw-in       prerouting -300    untracked policy of what comes in; what it allows is marked
//   raw-out      output -300        untracked policy of what the node sends
//   pre-dnat     prerouting -150    preDNAT policy; what it allows is marked
//   input        filter + 10        behind the pods' part: normal policy of what is for the node, unless marked
//   forward      filter + 10        around the pods' part: forward policy where it enters, unless marked, and leaves
//   output       filter + 10        normal policy of what the node sends
//   postrouting  filter + 10        the same where the node's own packets were translated: only here is it known by
//                                   which interface they really leave
//
// Named interfaces are looked up in a verdict map; what is in none of them goes to the host endpoint of all
// interfaces. A packet mark rather than connection tracking tells the later hooks what earlier policy allowed, because
// others take packets out of connection tracking too. The first hook on each way clears it: what a tunnel unpacks keeps
// the mark of the packet it came in, and what a node sends to itself the mark it left with.

#include <string>
#include <vector>

#include "nft/compile.h"
#include "nft/host_rules.h"
#include "nft/ruleset.h"
#include "nft/set_unions.h"

namespace tierwall::nft {

class HostCompiler {
 public:
  /// Adds the chains, sets and maps of this node's host endpoints to the ruleset. Borrows all three.
  HostCompiler(const policy::NodePolicy& policy, const CompileOptions& options, Ruleset& ruleset, TablePlaces& places);

  /// Does a host endpoint govern anything here? If not, nothing below adds anything.
  [[nodiscard]] bool governs() const { return !endpoints_.empty(); }
  /// Unsupported as compile(), naming the host endpoint.
  Result<void> compile_treatments(SetUnions& unions);

  // The rules of this node's host endpoints in the base chains that others share, in the order they stand there.
  void append_to_forward_on_entry(Chain& forward) const;
  void append_to_forward_on_exit(Chain& forward) const;
  void append_to_input(Chain& input) const;
  /// The base chains that are only of host endpoints.
  void add_base_chains();

 private:
  /// The chain of the host endpoint of all interfaces in one class, direction and family.
  struct Rest {
    policy::PolicyClass policy_class;
    policy::Direction direction;
    policy::Family family;
    bool may_reject;
    std::string chain;
  };
  enum class Pods { Judged, LeftAlone };

  Result<void> compile_endpoint(const policy::ResolvedHostEndpoint& endpoint, SetUnions& unions, bool may_reject);
  [[nodiscard]] bool has(policy::PolicyClass policy_class, policy::Direction direction) const;
  [[nodiscard]] bool rejects() const;
  [[nodiscard]] std::string map_name(policy::PolicyClass policy_class, policy::Direction direction,
                                     policy::Family family, bool may_reject) const;
  void dispatch(Chain& chain, policy::PolicyClass policy_class, policy::Direction direction, Pods pods,
                bool may_reject = true) const;
  void append_rest(Chain& chain, const Rest& rest, Pods pods) const;
  void append_unless_marked(Chain& chain, Chain entry) const;
  void append_failsafes(Chain& chain, Way way) const;
  [[nodiscard]] Rule marked_rule(std::string why) const;
  [[nodiscard]] Rule unmark_rule() const;
  void append_exempt_destinations(Chain& chain) const;
  void append_normal_egress(Chain& chain, bool may_reject) const;
  [[nodiscard]] Chain raw_in() const;
  [[nodiscard]] Chain raw_out() const;
  [[nodiscard]] Chain pre_dnat() const;
  [[nodiscard]] Chain output() const;
  [[nodiscard]] Chain postrouting() const;
  void add_base_chain(Chain chain);

  const policy::NodePolicy& policy_;
  const CompileOptions& options_;
  Ruleset& ruleset_;
  TablePlaces& places_;
  std::vector<const policy::ResolvedHostEndpoint*> endpoints_;
  bool marks_on_entry_ = false;  // some untracked or preDNAT policy can allow what comes in
  bool has_named_ = false;       // some host endpoint names interfaces
  bool has_rest_ = false;        // one is of all interfaces
  std::vector<Rest> rest_;
};

}  // namespace tierwall::nft

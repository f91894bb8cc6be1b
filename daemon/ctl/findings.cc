#include "daemon/ctl/findings.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

using Level = Finding::Level;
using Findings = std::vector<Finding>;

/// Where the memory of the daemon is about to fail, and where it fails soon.
constexpr std::uint64_t kLittleSpace = 64u << 20;
constexpr std::uint64_t kNoSpace = 8u << 20;

/// Parts of a hundred of the table of connections.
constexpr std::uint64_t kNearlyFull = 80;

void examine_daemon(const std::optional<StatusReport>& status, Findings& findings) {
  if (!status) {
    findings.push_back({Level::Error, "daemon", "no tierwalld answers; what it wrote last stays in the kernel",
                        "systemctl start tierwalld; journalctl -u tierwalld says why it ended"});
    return;
  }
  if (status->state == State::InSync) findings.push_back({Level::Fine, "daemon", "in sync", ""});
  if (status->state == State::Starting) {
    findings.push_back({Level::Warning, "daemon", "not every source has been read yet", "tierwall status shows which"});
  }
  for (const std::string& reason : status->degraded) {
    findings.push_back({Level::Error, "daemon", reason, "tierwall status has the details"});
  }
  const bool ours = status->ownership.starts_with("ours");
  if (!status->ownership.empty()) {
    findings.push_back({ours ? Level::Fine : Level::Note, "table", status->ownership,
                        ours ? "" : "Linux 6.9 or later keeps others from flushing it (dataplane.own_table)"});
  }
  for (const std::string& remark : status->remarks) findings.push_back({Level::Note, "daemon", remark, ""});
}

void examine_policies(const StatusReport& status, Findings& findings) {
  for (const policy::Diagnostic& problem : status.problems) {
    const bool error = problem.severity == policy::Severity::Error;
    findings.push_back({error ? Level::Error : Level::Warning, "objects", policy::print_diagnostic(problem),
                        error ? "correct the object; until then its last good version counts" : ""});
  }
  for (const policy::Diagnostic& warning : status.warnings) {
    findings.push_back({Level::Warning, "policy", policy::print_diagnostic(warning), ""});
  }
  if (status.problems.empty() && status.warnings.empty()) {
    findings.push_back({Level::Fine, "policy", "every object is valid, and none looks inert", ""});
  }
}

void examine_self_check(const SelfCheck& check, Findings& findings) {
  if (check.differs) {
    findings.push_back({Level::Error, "self check", *check.differs + ": this is a bug of tierwalld",
                        "systemctl reload tierwalld writes everything anew; please report it"});
    return;
  }
  findings.push_back(
      {Level::Fine, "self check",
       fmt::format("what is kept up to date is what is made from scratch ({})", print_duration(check.duration_us)),
       ""});
}

void examine_bridges(const HostFacts& facts, Findings& findings) {
  if (facts.bridges.empty()) return findings.push_back({Level::Fine, "bridge", "there is none", ""});
  const std::string names = join(facts.bridges, ", ");
  if (!facts.bridge_nf_call) {
    return findings.push_back(
        {Level::Warning, "bridge",
         fmt::format("{}: br_netfilter is not loaded, so pods on one bridge talk past every policy", names),
         "modprobe br_netfilter, and in /etc/modules-load.d; without pods on it this is fine"});
  }
  if (*facts.bridge_nf_call != "1" || facts.bridge_nf_call6.value_or("1") != "1") {
    return findings.push_back({Level::Warning, "bridge",
                               fmt::format("{}: the kernel does not show bridged traffic to netfilter", names),
                               "sysctl net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1"});
  }
  findings.push_back({Level::Fine, "bridge", names + ": bridged traffic is seen", ""});
}

void examine_connections(const HostFacts& facts, Findings& findings) {
  if (!facts.connections || !facts.connections_most || *facts.connections_most == 0) {
    return findings.push_back({Level::Note, "connection tracking", "its size cannot be read", ""});
  }
  const std::uint64_t part = *facts.connections * 100 / *facts.connections_most;
  const std::string words = fmt::format("{} of {} entries", *facts.connections, *facts.connections_most);
  if (part < kNearlyFull) return findings.push_back({Level::Fine, "connection tracking", words, ""});
  findings.push_back({part >= 100 ? Level::Error : Level::Warning, "connection tracking",
                      words + ": new connections are dropped when it is full",
                      "sysctl net.netfilter.nf_conntrack_max"});
}

void examine_other_firewalls(const HostFacts& facts, Findings& findings) {
  for (const std::string& name : facts.other_firewalls) {
    findings.push_back({Level::Warning, "other firewall",
                        name + " runs too: what either of them drops is dropped, and its restart may flush tables",
                        fmt::format("systemctl disable --now {}, if Tierwall is to be the only one", name)});
  }
  if (!facts.legacy_tables.empty()) {
    findings.push_back({Level::Note, "other firewall", "iptables-legacy has tables: " + join(facts.legacy_tables, ", "),
                        "iptables-legacy-save shows them; they are asked beside ours"});
  }
  if (facts.other_firewalls.empty() && facts.legacy_tables.empty()) {
    findings.push_back({Level::Fine, "other firewall", "neither firewalld, ufw nor iptables-legacy", ""});
  }
}

void examine_network(const HostFacts& facts, Findings& findings) {
  constexpr std::array<std::string_view, 2> kPolicyOfTheirOwn = {"calico", "cilium-cni"};
  const auto own = std::ranges::find_first_of(facts.cni_plugins, kPolicyOfTheirOwn);
  if (own != facts.cni_plugins.end()) {
    findings.push_back({Level::Warning, "pod network",
                        *own + " enforces policy itself, and may carry pods past netfilter",
                        "switch its policy off (Calico), or its kube-proxy replacement and host routing (Cilium)"});
  } else {
    findings.push_back({Level::Fine, "pod network",
                        facts.cni_plugins.empty() ? "no CNI configuration" : "CNI " + join(facts.cni_plugins, ", "),
                        ""});
  }
  if (facts.has_ipvs_services) {
    findings.push_back(
        {Level::Note, "pod network", "services are balanced by IPVS, as of kube-proxy in ipvs mode", ""});
  }
  if (!facts.cni_plugins.empty() && facts.ip_forward == "0") {
    findings.push_back({Level::Warning, "pod network", "the kernel forwards nothing", "sysctl net.ipv4.ip_forward=1"});
  }
}

void examine_machine(const HostFacts& facts, Findings& findings) {
  if (!facts.clock_is_set) {
    findings.push_back({Level::Warning, "clock", "nothing sets it: certificates and times in records may be wrong",
                        "systemctl enable --now systemd-timesyncd (or chrony)"});
  } else {
    findings.push_back({Level::Fine, "clock", "is kept right", ""});
  }
  if (facts.state_trouble) {
    findings.push_back({Level::Warning, "state", *facts.state_trouble,
                        "be root; if tierwalld runs, it makes a new file and moves a damaged one aside"});
  } else {
    findings.push_back({Level::Fine, "state", "can be read, and every row is what was written", ""});
  }
  if (!facts.state_bytes_free || *facts.state_bytes_free >= kLittleSpace) return;
  findings.push_back({*facts.state_bytes_free < kNoSpace ? Level::Error : Level::Warning, "disk",
                      fmt::format("{} MiB are free where the state is", *facts.state_bytes_free >> 20),
                      "free some: what is not written is forgotten by a restart"});
}

}  // namespace

std::string_view print_level(Finding::Level level) {
  constexpr std::array<std::string_view, 4> kWords = {"ok", "note", "warning", "error"};
  return kWords.at(static_cast<std::size_t>(level));
}

std::vector<Finding> examine(const HostFacts& facts, const std::optional<StatusReport>& status,
                             const std::optional<SelfCheck>& self_check) {
  Findings findings;
  examine_daemon(status, findings);
  if (status) examine_policies(*status, findings);
  if (self_check) examine_self_check(*self_check, findings);
  examine_network(facts, findings);
  examine_bridges(facts, findings);
  examine_connections(facts, findings);
  examine_other_firewalls(facts, findings);
  examine_machine(facts, findings);
  if (!facts.kernel.empty()) findings.push_back({Level::Fine, "kernel", "Linux " + facts.kernel, ""});
  return findings;
}

}  // namespace tierwall::daemon::ctl

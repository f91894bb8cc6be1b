// What `tierwall doctor` reads of a machine, and what it makes of it.

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/ctl/doctor_command.h"
#include "daemon/ctl/findings.h"

namespace tierwall::daemon::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Level = Finding::Level;

/// A machine made of a few files.
class MachineOfFiles {
 public:
  MachineOfFiles() : root_(std::filesystem::temp_directory_path() / ("machine-" + std::to_string(getpid()))) {}
  ~MachineOfFiles() { std::filesystem::remove_all(root_); }
  MachineOfFiles(const MachineOfFiles&) = delete;
  MachineOfFiles& operator=(const MachineOfFiles&) = delete;

  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  [[nodiscard]] HostFacts read() const { return read_host_facts(root_.string(), "/var/lib/tierwall/state.db"); }

 private:
  std::filesystem::path root_;
};

TEST(HostFacts, AreReadFromTheirFiles) {
  const MachineOfFiles machine;
  machine.write("proc/sys/kernel/osrelease", "6.1.0-50-amd64\n");
  machine.write("sys/class/net/cni0/bridge/bridge_id", "x");
  machine.write("sys/class/net/eth0/address", "x");
  machine.write("proc/sys/net/bridge/bridge-nf-call-iptables", "0\n");
  machine.write("proc/sys/net/ipv4/ip_forward", "1\n");
  machine.write("proc/sys/net/netfilter/nf_conntrack_count", "90\n");
  machine.write("proc/sys/net/netfilter/nf_conntrack_max", "100\n");
  machine.write("proc/net/ip_tables_names", "nat\nfilter\n");
  machine.write("proc/net/ip_vs", "a\nb\nc\nTCP 0A000001:0050 rr\n");
  machine.write("sys/fs/cgroup/system.slice/firewalld.service/cgroup.procs", "1\n");
  machine.write("etc/ufw/ufw.conf", "# ufw\nENABLED=yes\n");
  machine.write("etc/cni/net.d/10-k3s.conflist", R"({"plugins":[{"type":"flannel"},{"type":"portmap"},7]})");
  machine.write("etc/cni/net.d/20-later.conf", R"({"type":"calico"})");
  machine.write("var/lib/tierwall/other", "");
  const HostFacts facts = machine.read();
  EXPECT_EQ(facts.kernel, "6.1.0-50-amd64");
  EXPECT_THAT(facts.bridges, ElementsAre("cni0"));
  EXPECT_EQ(facts.bridge_nf_call, "0");
  EXPECT_EQ(facts.bridge_nf_call6, std::nullopt);
  EXPECT_EQ(facts.ip_forward, "1");
  EXPECT_EQ(facts.connections, 90U);
  EXPECT_EQ(facts.connections_most, 100U);
  EXPECT_THAT(facts.legacy_tables, ElementsAre("nat", "filter"));
  EXPECT_THAT(facts.other_firewalls, ElementsAre("firewalld", "ufw"));
  EXPECT_THAT(facts.cni_plugins, ElementsAre("flannel", "portmap"));
  EXPECT_TRUE(facts.has_ipvs_services);
  EXPECT_TRUE(facts.state_bytes_free);
  EXPECT_THAT(facts.state_trouble.value_or(""), HasSubstr("No such file"));
}

TEST(HostFacts, OfAMachineWithoutAnythingAreAbsent) {
  const MachineOfFiles machine;
  machine.write("etc/cni/net.d/10-broken.conflist", "{");
  const HostFacts facts = machine.read();
  EXPECT_EQ(facts.kernel, "");
  EXPECT_THAT(facts.bridges, IsEmpty());
  EXPECT_EQ(facts.connections, std::nullopt);
  EXPECT_THAT(facts.cni_plugins, IsEmpty());
}

StatusReport healthy_status() {
  StatusReport status;
  status.state = State::InSync;
  status.ownership = "ours: no other process can flush or edit it";
  return status;
}

struct FindingRow {
  const char* name;
  void (*change)(HostFacts& facts, std::optional<StatusReport>& status, std::optional<SelfCheck>& check);
  Level level;
  const char* what;
  const char* words;
};

TEST(Findings, NameWhatIsWrongAndWhatToDo) {
  using Status = std::optional<StatusReport>;
  using Check = std::optional<SelfCheck>;
  const FindingRow rows[] = {
      {"no daemon", [](HostFacts&, Status& status, Check&) { status.reset(); }, Level::Error, "daemon", "no tierwalld"},
      {"degraded", [](HostFacts&, Status& status, Check&) { status->degraded = {"disk full"}; }, Level::Error, "daemon",
       "disk full"},
      {"not ours", [](HostFacts&, Status& status, Check&) { status->ownership = "nobody's: old"; }, Level::Note,
       "table", "nobody's"},
      {"inert policy",
       [](HostFacts&, Status& status, Check&) {
         status->warnings = {
             {{"a.yaml", 1, 1}, policy::Severity::Warning, "GlobalNetworkPolicy x", "", "selects nobody"}};
       },
       Level::Warning, "policy", "selects nobody"},
      {"self check",
       [](HostFacts&, Status&, Check& check) {
         check = SelfCheck{"the table is another", 1};
       },
       Level::Error, "self check", "the table is another"},
      {"no br_netfilter", [](HostFacts& facts, Status&, Check&) { facts.bridges = {"cni0"}; }, Level::Warning, "bridge",
       "talk past every policy"},
      {"bridged traffic is hidden",
       [](HostFacts& facts, Status&, Check&) {
         facts.bridges = {"cni0"};
         facts.bridge_nf_call = "0";
       },
       Level::Warning, "bridge", "does not show"},
      {"a full table of connections", [](HostFacts& facts, Status&, Check&) { facts.connections = 100; }, Level::Error,
       "connection tracking", "100 of 100"},
      {"firewalld", [](HostFacts& facts, Status&, Check&) { facts.other_firewalls = {"firewalld"}; }, Level::Warning,
       "other firewall", "firewalld runs too"},
      {"Cilium", [](HostFacts& facts, Status&, Check&) { facts.cni_plugins = {"cilium-cni"}; }, Level::Warning,
       "pod network", "enforces policy itself"},
      {"nothing is forwarded",
       [](HostFacts& facts, Status&, Check&) {
         facts.cni_plugins = {"bridge"};
         facts.ip_forward = "0";
       },
       Level::Warning, "pod network", "forwards nothing"},
      {"no time", [](HostFacts& facts, Status&, Check&) { facts.clock_is_set = false; }, Level::Warning, "clock",
       "nothing sets it"},
      {"no space", [](HostFacts& facts, Status&, Check&) { facts.state_bytes_free = 1; }, Level::Error, "disk",
       "0 MiB are free"},
  };
  for (const FindingRow& row : rows) {
    SCOPED_TRACE(row.name);
    HostFacts facts;
    facts.kernel = "6.1.0";
    facts.connections = 1;
    facts.connections_most = 100;
    std::optional<StatusReport> status = healthy_status();
    std::optional<SelfCheck> check = SelfCheck{std::nullopt, 5};
    for (const Finding& finding : examine(facts, status, check)) EXPECT_EQ(finding.level, Level::Fine) << finding.words;
    row.change(facts, status, check);
    std::vector<Finding> findings = examine(facts, status, check);
    std::erase_if(findings, [](const Finding& finding) { return finding.level == Level::Fine; });
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings.front().level, row.level);
    EXPECT_EQ(findings.front().what, row.what);
    EXPECT_THAT(findings.front().words, HasSubstr(row.words));
  }
}

TEST(Findings, AreShownWorstFirstWithTheirRemedies) {
  const std::vector<Finding> findings = {{Level::Fine, "clock", "is kept right", ""},
                                         {Level::Note, "table", "nobody's", ""},
                                         {Level::Error, "daemon", "no tierwalld answers", "start it"}};
  EXPECT_EQ(print_findings(findings, false, false),
            "error: daemon: no tierwalld answers\n  remedy: start it\nnote: table: nobody's\n"
            "1 thing is fine (--all shows what was looked at)\n");
  EXPECT_THAT(print_findings(findings, true, false), HasSubstr("ok: clock: is kept right\n1 thing is fine\n"));
}

}  // namespace
}  // namespace tierwall::daemon::ctl

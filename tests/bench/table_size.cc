// What a change costs by the size of the table it is made in: 100, 500 and 2,000 chains with as many sets, and the
// dispatch map that leads to them. One JSON object per line:
//
//   {"what":"change of a member","chains":500,"p50_us":..,"p99_us":..}
//   {"what":"change of a chain","chains":500,"p50_us":..,"p99_us":..}
//   {"what":"whole table","chains":500,"p50_us":..,"p99_us":..}
//
// Every chain has five rules with a lookup and a counter each. A member is one element of one set; a changed chain is a
// new one to which the map is pointed while the old one goes, with its counters, in the same transaction.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "nft/diff.h"
#include "nft/netlink_tables.h"
#include "nft/table_words.h"
#include "tests/lab/net_namespace.h"

namespace tierwall {
namespace {

constexpr int kRules = 5;

policy::Address address(int index) {
  return *policy::parse_address("10." + std::to_string(index >> 16 & 255) + "." + std::to_string(index >> 8 & 255) +
                                "." + std::to_string(index & 255));
}

nft::Element element(int index, std::optional<nft::Verdict> verdict = {}) {
  return {nft::make_key(address(index)), {}, std::move(verdict), {}};
}

std::string set_name(int index) {
  return "addr4-" + std::to_string(index);
}

/// The chain of policy number `index` in its `version`-th form, in the table with what it needs.
std::string add_chain(nft::Ruleset& table, int index, int version) {
  nft::Chain chain{"in4-" + std::to_string(index) + "-" + std::to_string(version), {}, "", {}};
  for (int i = 0; i < kRules; ++i) {
    const std::string counter = chain.name + "/" + std::to_string(i);
    table.counters[counter] = {counter, {}};
    const auto port = static_cast<std::uint32_t>(1000 + i);
    chain.rules.push_back(
        {{nft::in_set(nft::Field::IpSaddr, set_name(index)), nft::is_number(nft::Field::TcpDport, port)},
         nft::Verdict{nft::Verdict::Code::Return, {}},
         "tier default, NetworkPolicy shop/web, rule " + std::to_string(i),
         counter});
  }
  chain.rules.push_back({{}, nft::Verdict{}, "tier default: no rule matched, default Deny"});
  const std::string name = chain.name;
  table.chains[name] = std::move(chain);
  return name;
}

nft::Ruleset table_of(int chains) {
  nft::Ruleset table;
  nft::Set map{"ingress4", {nft::FieldType::Ipv4Addr}, false, true, "", {}};
  for (int i = 0; i < chains; ++i) {
    nft::Set set{set_name(i), {nft::FieldType::Ipv4Addr}, false, false, "", {}};
    for (int member = 0; member < 20; ++member) set.elements.push_back(element(100'000 + member));
    table.sets[set.name] = std::move(set);
    map.elements.push_back(element(i, nft::Verdict{nft::Verdict::Code::Jump, add_chain(table, i, 0)}));
  }
  table.sets[map.name] = std::move(map);
  table.chains["forward"] = {"forward",
                             nft::BaseChain{nft::Hook::Forward, 10},
                             "",
                             {{{}, nft::VerdictMapLookup{nft::Field::IpDaddr, "ingress4"}, ""}}};
  return table;
}

/// The table with chain number `index` in another form.
nft::Ruleset with_changed_chain(nft::Ruleset table, int index, int version) {
  const std::string former = "in4-" + std::to_string(index) + "-" + std::to_string(version - 1);
  for (const nft::Rule& rule : table.chains.at(former).rules) table.counters.erase(rule.counter);
  table.chains.erase(former);
  const std::string chain = add_chain(table, index, version);
  table.sets.at("ingress4").elements[static_cast<std::size_t>(index)].verdict->chain = chain;
  return table;
}

class Commits {
 public:
  Commits(nft::KernelTables& tables, int chains) : tables_(tables), chains_(chains) {}

  void time(const nft::ChangeSet& changes) {
    const auto started = std::chrono::steady_clock::now();
    const nft::CommitOutcome outcome = tables_.commit(changes);
    times_.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - started).count());
    if (const auto* rejected = std::get_if<nft::Rejected>(&outcome)) {
      std::fprintf(stderr, "the kernel refused: %s\n", rejected->message.c_str());
      std::exit(1);
    }
  }
  void report(const char* what) {
    std::ranges::sort(times_);
    std::printf("{\"what\":\"%s\",\"chains\":%d,\"runs\":%zu,\"p50_us\":%.0f,\"p99_us\":%.0f}\n", what, chains_,
                times_.size(), times_[times_.size() / 2], times_[times_.size() * 99 / 100]);
    std::fflush(stdout);
    times_.clear();
  }

 private:
  nft::KernelTables& tables_;
  int chains_;
  std::vector<double> times_;
};

void run(int chains, nft::KernelTables& tables) {
  Commits commits(tables, chains);
  nft::Ruleset table = table_of(chains);
  for (int i = 0; i < 5; ++i) commits.time(nft::rebuild(table));
  commits.report("whole table");
  nft::Set member{set_name(0), {nft::FieldType::Ipv4Addr}, false, false, "", {element(1)}};
  for (int i = 0; i < 500; ++i) {
    commits.time({{nft::AddElements{member}}});
    commits.time({{nft::DeleteElements{member}}});
  }
  commits.report("change of a member");
  for (int i = 0; i < 100; ++i) {
    nft::Ruleset next = with_changed_chain(table, 0, i + 1);
    commits.time(nft::diff(table, next));
    table = std::move(next);
  }
  commits.report("change of a chain");
}

}  // namespace
}  // namespace tierwall

int main() {
  const auto network = tierwall::lab::NetNamespace::create();
  const auto tables = network.run([] { return tierwall::nft::NetlinkTables::open(); });
  if (!tables) {
    std::fprintf(stderr, "table-size: %s (root is needed)\n", tables.error().message.c_str());
    return 1;
  }
  for (const int chains : {100, 500, 2'000}) tierwall::run(chains, **tables);
}

#pragma once
// The daemon's pipeline in this process, fed with a world of the shape that design section 5 names: from the inventory
// by resolver, guard, compiler and diff to whatever takes the transactions.

#include <functional>
#include <string>
#include <vector>

#include "daemon/reconciler.h"
#include "nft/kernel_tables.h"
#include "policy/inventory.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_journal.h"
#include "tests/fakes/fake_management_flows.h"

namespace tierwall::bench {

struct WorldShape {
  int pods = 10'000;
  int policies = 1'000;
  int local_pods = 100;  ///< of the pods, the first
};

policy::ResourceEvent changed(const policy::Resource& object);

/// Of one of 200 apps in one of 50 namespaces; with `wanted` false of none.
policy::Pod make_pod(int index, const WorldShape& shape, bool wanted = true);
/// One more pod like one of this node, or its end.
policy::ResourceEvent make_replica(int index, bool comes, const WorldShape& shape);
/// Selects every pod of the node, and allows from one app of the whole cluster.
policy::Policy make_wide_policy(int version);

/// One JSON object with the middle, the 99th of a hundred and the longest of the times, in microseconds.
void print_times(const std::string& what, const WorldShape& shape, std::vector<double> times);

class Pipeline {
 public:
  /// Borrows the tables. The whole world is in force afterwards; prints how long that took as `cold_start`.
  Pipeline(nft::KernelTables& tables, const WorldShape& shape, const char* cold_start);

  /// One event after the other, each until it is in force; prints the times as one JSON object.
  void measure(const std::string& what, int runs, const std::function<policy::ResourceEvent(int)>& make_event);
  /// Pods of another node and of this one, and a policy. `until` is put behind what happens: " to committed".
  void measure_events(const std::string& until);

 private:
  void tell(const policy::ResourceEvent& event);
  void step();

  WorldShape shape_;
  policy::Inventory inventory_;
  test::FakeClock clock_;
  test::FakeJournal journal_;
  test::FakeManagementFlows flows_;
  daemon::Guard guard_{flows_};
  daemon::Reconciler reconciler_;
};

}  // namespace tierwall::bench

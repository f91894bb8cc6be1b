// How long one event takes from the inventory to the operations for the kernel, in this process and without a kernel:
// resolve, guard, compile, diff, and taking the result in. One JSON object per line and sort of event:
//
//   {"what":"pod of another node","pods":10000,"policies":1000,"local_pods":100,"runs":200,"p50_us":...,"p99_us":...}
//
//   event-step [PODS...]     10000 by default

#include <cstdlib>

#include "tests/bench/pipeline.h"

namespace tierwall {
namespace {

/// A kernel that takes everything and keeps nothing.
class WillingTables final : public nft::KernelTables {
 public:
  nft::CommitOutcome commit(const nft::ChangeSet&) override { return nft::Committed{}; }
  Result<void> can_own() override { return {}; }
};

void run(int pods) {
  WillingTables tables;
  bench::Pipeline pipeline(tables, {.pods = pods}, "objects in memory to operations");
  pipeline.measure_events("");
}

}  // namespace
}  // namespace tierwall

int main(int argc, char** argv) {
  if (argc == 1) tierwall::run(10'000);
  for (int i = 1; i < argc; ++i) tierwall::run(std::atoi(argv[i]));
}

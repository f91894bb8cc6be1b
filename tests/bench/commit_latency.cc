// How long the path from an event to the kernel takes, on the shapes of design section 5. One JSON object per line:
//
//   {"what":"pod of another node to committed","pods":10000,"policies":1000,"local_pods":100,"runs":400,"p50_us":...}
//
//   commit-latency [PODS POLICIES LOCAL_PODS]     10000 1000 100, and a cold start of 100000 5000 100
//
// Everything is real but the source and the flows the guard looks at: inventory, resolver, guard, compiler, diff,
// encoding, and commits into a network namespace of its own. As root.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "nft/netlink_tables.h"
#include "tests/bench/pipeline.h"
#include "tests/lab/net_namespace.h"

namespace tierwall {
namespace {

constexpr const char* kColdStart = "cold start: objects in memory to committed";

/// In a namespace that goes with it.
class Kernel {
 public:
  Kernel() : tables_(network_.run([] { return nft::NetlinkTables::open(); })) {
    if (tables_) return;
    std::fprintf(stderr, "commit-latency: %s (root is needed)\n", tables_.error().message.c_str());
    std::exit(1);
  }
  nft::KernelTables& tables() { return **tables_; }

 private:
  lab::NetNamespace network_ = lab::NetNamespace::create();
  Result<std::unique_ptr<nft::NetlinkTables>> tables_;
};

void measure_element(nft::KernelTables& tables) {
  const nft::Set one{"bench", {nft::FieldType::Ipv4Addr}, false, false, "", {}};
  nft::Set with_element = one;
  with_element.elements = {{nft::make_key(*policy::parse_address("10.0.0.1")), {}, std::nullopt, {}}};
  static_cast<void>(tables.commit({{nft::AddSet{one}}}));
  std::vector<double> times;
  for (int i = 0; i < 4'000; ++i) {
    const nft::ChangeSet change = i % 2 == 0 ? nft::ChangeSet{{nft::AddElements{with_element}}}
                                             : nft::ChangeSet{{nft::DeleteElements{with_element}}};
    const auto start = std::chrono::steady_clock::now();
    static_cast<void>(tables.commit(change));
    times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }
  bench::print_times("one set element, encode to committed", {}, std::move(times));
}

}  // namespace
}  // namespace tierwall

int main(int argc, char** argv) {
  using tierwall::bench::Pipeline;
  tierwall::bench::WorldShape shape;
  if (argc == 4) shape = {std::atoi(argv[1]), std::atoi(argv[2]), std::atoi(argv[3])};
  tierwall::Kernel kernel;
  Pipeline(kernel.tables(), shape, tierwall::kColdStart).measure_events(" to committed");
  tierwall::measure_element(kernel.tables());
  if (argc == 4) return 0;
  tierwall::Kernel another;
  Pipeline(another.tables(), {.pods = 100'000, .policies = 5'000}, tierwall::kColdStart);
}

// One program for all targets, because linking them takes longer than any of them: TIERWALL_FUZZ_TARGET names the one
// that is run. tests/fuzz/run sets it.

#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/target.h"

namespace {

const tierwall::fuzz::Target& chosen_target() {
  const char* name = std::getenv("TIERWALL_FUZZ_TARGET");
  const auto* target = tierwall::fuzz::find_target(name == nullptr ? "" : name);
  if (target != nullptr) return *target;
  std::fputs("TIERWALL_FUZZ_TARGET names none of:", stderr);
  for (const auto& known : tierwall::fuzz::kTargets) std::fprintf(stderr, " %s", known.name.data());
  std::fputs("\n", stderr);
  std::exit(2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const tierwall::fuzz::Target& target = chosen_target();
  target.run({data, size});
  return 0;
}

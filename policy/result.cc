#include "policy/result.h"

#include <cstdio>
#include <cstdlib>

namespace tierwall {

void abort_on_bug(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "tierwall: bug: %s:%d: %s does not hold\n", file, line, condition);
  std::abort();
}

}  // namespace tierwall

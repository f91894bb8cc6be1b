#pragma once
// The zero-trust walk as data: the cast, and for every step its manifests and who must reach whom afterwards.

#include <string>
#include <vector>

#include "tests/lab/matrix.h"

namespace tierwall::lab {

struct WalkStep {
  std::string title;
  std::vector<std::string> manifests;  ///< added by this step
  std::string remark;                  ///< what to look at in the table
  Cells expected;                      ///< over IPv4
  bool repairs = false;                ///< first show what is blocked, and why
};

const MatrixShape& walk_shape();
const std::vector<WalkStep>& walk_steps();

/// The same step over IPv6: all alike, but 0.0.0.0/0 does not cover it, so the frontend serves nobody.
Cells expected_over_ipv6(const WalkStep& step);

}  // namespace tierwall::lab

#pragma once
// Management flows as a test tells them.

#include "daemon/guard/management_flows.h"

namespace tierwall::test {

class FakeManagementFlows final : public daemon::ManagementFlows {
 public:
  Result<std::vector<daemon::ManagementFlow>> observe() override {
    if (failure) return *failure;
    return flows;
  }

  std::vector<daemon::ManagementFlow> flows;
  std::optional<Error> failure;
};

}  // namespace tierwall::test

#pragma once
// Which of the policies that are enforced select an endpoint, without asking every policy.

#include <vector>

#include "policy/ordering.h"
#include "policy/selector_index.h"
#include "policy/subjects.h"

namespace tierwall::policy {

class PolicyIndex {
 public:
  using Number = SelectorIndex::Number;  ///< of a policy: its place among all that are enforced, in evaluation order

  PolicyIndex() = default;
  /// Borrows the policies, not the list.
  explicit PolicyIndex(const std::vector<OrderedTier>& tiers);

  /// Those that select the endpoint, in evaluation order.
  [[nodiscard]] std::vector<Number> selecting(const Subject& endpoint) const;
  [[nodiscard]] const Policy& policy(Number number) const { return *policies_[number]; }
  [[nodiscard]] std::size_t size() const { return policies_.size(); }

 private:
  SelectorIndex selectors_;
  std::vector<const Policy*> policies_;
};

}  // namespace tierwall::policy

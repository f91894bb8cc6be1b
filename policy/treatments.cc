#include "policy/treatments.h"

namespace tierwall::policy {

namespace {

bool is_of_class(const Policy& policy, PolicyClass policy_class) {
  switch (policy_class) {
    case PolicyClass::Untracked:
      return policy.stage == Stage::Untracked;
    case PolicyClass::PreDnat:
      return policy.stage == Stage::PreDnat;
    case PolicyClass::Normal:
      return policy.stage == Stage::Tracked;
    case PolicyClass::Forward:
      return policy.stage == Stage::Tracked && policy.apply_on_forward;
  }
  TIERWALL_CHECK(false);
}

}  // namespace

std::vector<Treatment> treatments_of_pod() {
  return {{.direction = Direction::Ingress}, {.direction = Direction::Egress}};
}

std::vector<Treatment> treatments_of_host_endpoint() {
  std::vector<Treatment> treatments;
  for (const PolicyClass policy_class :
       {PolicyClass::Untracked, PolicyClass::PreDnat, PolicyClass::Normal, PolicyClass::Forward}) {
    for (const Direction direction : kDirections) {
      treatments.push_back({.direction = direction, .policy_class = policy_class});
    }
  }
  return treatments;
}

void append_policy(std::vector<Treatment>& treatments, const Policy& policy, PolicyPlace place) {
  for (Treatment& treatment : treatments) {
    if (!policy.applies_to(treatment.direction) || !is_of_class(policy, treatment.policy_class)) continue;
    if (treatment.steps.empty() || treatment.steps.back().tier != place.tier) {
      treatment.steps.push_back({place.tier, {}});
    }
    treatment.steps.back().policies.push_back(place.policy);
  }
}

}  // namespace tierwall::policy

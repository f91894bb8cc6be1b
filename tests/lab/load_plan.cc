#include "tests/lab/load_plan.h"

#include <stdexcept>

#include "daemon/sources/load_world.h"

namespace tierwall::lab {

LabPlan load_plan(const std::vector<std::string>& manifests, const std::string& node) {
  const Result<daemon::LoadedWorld> world = daemon::load_world(manifests);
  if (!world) throw std::runtime_error(world.error().message);
  LabPlan plan;
  for (const auto& [key, pod] : world->inventory.snapshot().pods) {
    if (!pod.is_endpoint() || pod.addresses.empty()) continue;
    std::vector<Machine>& place = pod.node == node ? plan.pods : plan.remote_pods;
    place.push_back({key.first + "/" + key.second, pod.addresses});
  }
  return plan;
}

}  // namespace tierwall::lab

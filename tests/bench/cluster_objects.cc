#include "tests/bench/cluster_objects.h"

namespace tierwall::bench {

namespace {

using nlohmann::json;

constexpr int kNamespaces = 50;
constexpr int kApps = 200;

std::string namespace_name(int index) {
  return "ns-" + std::to_string(index % kNamespaces);
}

std::string app_name(int index) {
  return "app-" + std::to_string(index % kApps);
}

const char* pod_tier(int index) {
  return index % 3 == 0 ? "front" : "back";
}

const char* policy_tier(int index) {
  return index % 2 == 0 ? "front" : "back";
}

std::string address(int index) {
  return "10." + std::to_string(index >> 16) + "." + std::to_string(index >> 8 & 255) + "." +
         std::to_string(index & 255);
}

}  // namespace

std::vector<json> make_surroundings() {
  std::vector<json> objects = {{{"apiVersion", "v1"},
                                {"kind", "Node"},
                                {"metadata", {{"name", kNode}}},
                                {"spec", {{"podCIDRs", {"10.0.0.0/24"}}}}}};
  for (int i = 0; i < kNamespaces; ++i) {
    objects.push_back({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", namespace_name(i)}}}});
  }
  return objects;
}

json make_pod(int index, const ClusterShape& shape, bool wanted) {
  const std::string node = index < shape.local_pods ? kNode : "node-" + std::to_string(2 + index % 99);
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata",
           {{"name", "pod-" + std::to_string(index)},
            {"namespace", namespace_name(index)},
            {"labels", {{"app", wanted ? app_name(index) : "none"}, {"tier", pod_tier(index)}}}}},
          {"spec",
           {{"nodeName", node},
            {"containers", {{{"name", "main"}, {"image", "none"}, {"ports", {{{"containerPort", 8080}}}}}}}}},
          {"status", {{"phase", "Running"}, {"podIPs", {{{"ip", address(index + 1)}}}}}}};
}

json make_policy(int index) {
  const json peer = {{"podSelector", {{"matchLabels", {{"app", app_name(index)}}}}}};
  const json port = {{"protocol", "TCP"}, {"port", 8080}};
  return {{"apiVersion", "networking.k8s.io/v1"},
          {"kind", "NetworkPolicy"},
          {"metadata", {{"name", "policy-" + std::to_string(index)}, {"namespace", namespace_name(index)}}},
          {"spec",
           {{"podSelector", {{"matchLabels", {{"tier", policy_tier(index)}}}}},
            {"policyTypes", {"Ingress"}},
            {"ingress", {{{"from", json::array({peer})}, {"ports", json::array({port})}}}}}}};
}

bool matters_here(int index, const ClusterShape& shape) {
  for (int policy = index % kApps; policy < shape.policies; policy += kApps) {
    for (int local = index % kNamespaces; local < shape.local_pods; local += kNamespaces) {
      if (std::string(policy_tier(policy)) == pod_tier(local)) return true;
    }
  }
  return false;
}

}  // namespace tierwall::bench

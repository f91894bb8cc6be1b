#pragma once
// Tracked connections and worlds in a few words. Pods web 10.0.0.1 and db 10.0.0.2 are on the node "here", whose
// addresses are 192.0.2.1 and fd00::100.

#include <string>
#include <utility>

#include "daemon/connections/connection_table.h"
#include "policy/resolve.h"
#include "tests/vocabulary/world.h"

namespace tierwall::daemon {

inline constexpr const char* kTwoPodsHere = R"(
apiVersion: v1
kind: Namespace
metadata: {name: app}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: app, labels: {app: web}}
spec: {nodeName: here, containers: [{name: c}]}
status: {phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: app, labels: {app: db}}
spec: {nodeName: here, containers: [{name: c}]}
status: {phase: Running, podIP: 10.0.0.2, podIPs: [{ip: 10.0.0.2}, {ip: "fd00::2"}]}
)";

inline std::string network_policy(const std::string& app, const std::string& rest) {
  return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + app +
         ", namespace: app}\nspec: {podSelector: {matchLabels: {app: " + app + "}}, " + rest + "}\n";
}

/// Ingress of one of the pods is for these rules only.
inline std::string ingress_of(const std::string& app, const std::string& rules) {
  return network_policy(app, "policyTypes: [Ingress], ingress: [" + rules + "]");
}

inline policy::NodePolicy policy_here(const std::string& manifests = {}) {
  return policy::resolve(test::World::of(kTwoPodsHere).with(manifests).snapshot(), policy::Scope{.node = "here"},
                         policy::TieBreak::Calico332);
}

/// From port 40000; answered by `answers_from`, if the destination was translated.
inline TrackedConnection tracked_tcp(const char* from, const char* to, std::uint16_t port,
                                     const char* answers_from = nullptr, std::uint16_t answers_port = 0) {
  const policy::Address source = *policy::parse_address(from);
  return {.original = {source, *policy::parse_address(to), 40000, port},
          .reply = {*policy::parse_address(answers_from != nullptr ? answers_from : to), source,
                    answers_port != 0 ? answers_port : port, 40000}};
}

inline TrackedConnection tracked_ping(const char* from, const char* to) {
  TrackedConnection connection = tracked_tcp(from, to, 0);
  connection.protocol = policy::kIcmp;
  connection.original.source_port = connection.reply.destination_port = 0;
  connection.icmp = {.type = std::uint8_t{8}, .code = std::uint8_t{0}};
  connection.icmp_id = 7;
  return connection;
}

inline TrackedConnection with_mark(TrackedConnection connection, std::uint32_t mark) {
  connection.mark = mark;
  return connection;
}

}  // namespace tierwall::daemon

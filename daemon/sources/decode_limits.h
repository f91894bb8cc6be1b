#pragma once
// Every bound the decoders set on what one object may hold. Calico's come from its schemas (GlobalNetworkPolicy and
// EntityRule), the rest from Kubernetes and from the schemas of policy.networking.k8s.io. Bounds of the text itself
// stand in read_yaml.h, those of selectors in policy/selector.h.

#include <cstddef>
#include <cstdint>

namespace tierwall::daemon {

inline constexpr std::size_t kMaxRules = 1024;                  ///< per direction of a Calico policy or profile
inline constexpr std::size_t kMaxNetsPerList = 256;             ///< nets and notNets of one side of a rule
inline constexpr std::size_t kMaxPortsPerList = 50;             ///< ports and notPorts of one side of a rule
inline constexpr std::size_t kMaxHttpEntries = 20;              ///< methods and paths of a rule
inline constexpr std::size_t kMaxAnnotationBytes = 256u << 10;  ///< keys and values of a rule's annotations
inline constexpr std::size_t kMaxPolicyTypes = 2;
inline constexpr std::size_t kMaxClusterEntries = 25;    ///< v1alpha2: rules, peers and protocols
inline constexpr std::size_t kMaxAdminEntries = 100;     ///< v1alpha1: rules, peers and ports
inline constexpr std::size_t kMaxClusterNetworks = 25;   ///< of one peer, in both versions
inline constexpr std::size_t kMaxClusterRuleName = 100;  ///< characters
inline constexpr std::int64_t kMaxClusterPriority = 1000;
inline constexpr std::size_t kMaxDnsLabel = 63;
inline constexpr std::size_t kMaxDnsSubdomain = 253;
inline constexpr std::size_t kMaxLabels = 4096;   ///< of one object; Kubernetes has no bound of its own
inline constexpr std::size_t kMaxLabelPart = 63;  ///< a label's value, and its key without the prefix
inline constexpr int kMaxIcmpType = 254;
inline constexpr int kMaxIcmpCode = 255;

}  // namespace tierwall::daemon

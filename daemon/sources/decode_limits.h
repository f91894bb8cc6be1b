#pragma once
// Every bound the decoders set on what one object may hold. Calico's come from its schemas (GlobalNetworkPolicy and
// EntityRule), the rest from Kubernetes. Bounds of the text itself stand in read_yaml.h, those of selectors in
// policy/selector.h.

#include <cstddef>

namespace tierwall::daemon {

inline constexpr std::size_t kMaxRules = 1024;       ///< per direction of a Calico policy or profile
inline constexpr std::size_t kMaxNetsPerList = 256;  ///< nets and notNets of one side of a rule
inline constexpr std::size_t kMaxPortsPerList = 50;  ///< ports and notPorts of one side of a rule
inline constexpr std::size_t kMaxPolicyTypes = 2;
inline constexpr std::size_t kMaxDnsLabel = 63;
inline constexpr std::size_t kMaxDnsSubdomain = 253;
inline constexpr std::size_t kMaxLabels = 4096;   ///< of one object; Kubernetes has no bound of its own
inline constexpr std::size_t kMaxLabelPart = 63;  ///< a label's value, and its key without the prefix
inline constexpr int kMaxIcmpType = 254;
inline constexpr int kMaxIcmpCode = 255;

}  // namespace tierwall::daemon

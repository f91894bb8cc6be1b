#pragma once
// The bit of a connection's mark (ct mark) that says: policy denies this established connection now. Whoever judges
// connections sets it, the compiled base chains drop what carries it.

#include <cstdint>

namespace tierwall::nft {

/// Not the mark of packets, of which others use nearly every bit. Connections are marked by few, to our knowledge: AWS
/// VPC CNI and Cilium's ENI mode 0x80, Istio 0x111, 0x210, 0x220 and 0x539, wg-quick 0xca6c, Tailscale within
/// 0x00ff0000, Calico's eBPF dataplane within 0x1ff00000. kube-proxy, flannel and Calico's other dataplanes mark
/// packets only, within 0xffff; 0xffff0000 is what Calico may use of packet marks, and it does not save those. Who
/// saves a packet's whole mark could bring along our own bit of it (0x02000000), so this is another one.
inline constexpr std::uint32_t kCutBit = 0x4000'0000;

}  // namespace tierwall::nft

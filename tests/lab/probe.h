#pragma once
// Who can reach whom: first packets of connections, sent from one namespace to another, all at the same time and all
// from this process. Every probe uses a source port (or echo id) of its own, so that no earlier probe's connection
// tracking entry lets it pass.

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "policy/address.h"
#include "policy/port.h"
#include "tests/lab/topology.h"

namespace tierwall::lab {

enum class Outcome {
  Allowed,  ///< answered by the destination (sctp: seen by it)
  Dropped,  ///< nothing came back in time
  Refused,  ///< a reset or an ICMP error came back
};

std::string_view print_outcome(Outcome outcome);  ///< "allow", "drop", "refuse"

struct Probe {
  const Host* from = nullptr;
  const Host* to = nullptr;
  policy::Protocol protocol = policy::kTcp;  ///< tcp, udp, sctp, icmp (for both families: echo request)
  std::uint16_t port = 0;
  policy::Family family = policy::Family::V4;
  bool listening = true;  ///< false: nobody listens at the destination, so a packet that arrives is refused
};

/// "dev-app/frontend-1 -> dev-app/backend-1 tcp 8080 v4"
std::string describe(const Probe& probe);

inline constexpr std::chrono::milliseconds kProbeTimeout{400};
inline constexpr std::chrono::milliseconds kPatientTimeout{3000};
/// For silence, once everything that should be answered was.
inline constexpr std::chrono::milliseconds kAfterLastAnswer{100};

/// Outcomes in the order of the probes. Takes `timeout` as soon as one probe is dropped, and milliseconds otherwise.
std::vector<Outcome> run_probes(std::span<const Probe> probes, std::chrono::milliseconds timeout = kProbeTimeout);

/// The same, for a busy machine: what should have been allowed and was not seen in time gets a second, longer chance.
/// Quick where something should be allowed: its answers say how long one has to wait for the others.
std::vector<Outcome> run_expecting(std::span<const Probe> probes, std::span<const Outcome> expected);

Outcome run_probe(const Probe& probe, std::chrono::milliseconds timeout = kProbeTimeout);

/// A socket of this type inside, bound if `port` or an address is given. Non-blocking.
struct SocketWish {
  int type = 0;
  int protocol = 0;
  policy::Family family = policy::Family::V4;
  const policy::Address* address = nullptr;  ///< absent: any
  std::uint16_t port = 0;
};
UniqueFd open_socket(const Host& host, const SocketWish& wish);
/// A port that no socket of this process used before.
std::uint16_t next_source_port();

}  // namespace tierwall::lab

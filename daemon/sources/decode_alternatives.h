#pragma once
// Rules of Kubernetes APIs name alternatives: any of the peers, any of the ports. Each peer with each protocol becomes
// one rule of ours, the way Calico translates them (calico.md 3.5).

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/sources/decode_reader.h"
#include "policy/model.h"

namespace tierwall::daemon {

/// The items of a list of which any one may hold. Those that were not understood are left out, so that less is matched:
/// right where the rule allows, and up to the caller where it does not. Their errors are counted apart, because the
/// rule around them stays good.
template <typename T>
struct Alternatives {
  bool restricts = false;  ///< something is written, so a flow must meet one of the items
  std::vector<T> items;
  std::size_t errors = 0;
};

template <typename T, typename ReadItem>
void read_alternatives(const Cursor& at, Alternatives<T>& alternatives, const ReadItem& read_item) {
  const auto items = at.items();
  if (!items) return;
  alternatives.restricts = !items->empty();
  for (const Cursor& item : *items) {
    const std::size_t before = at.errors();
    T value = read_item(item);
    alternatives.errors += at.errors() - before;
    if (at.errors() == before) alternatives.items.push_back(std::move(value));
  }
}

struct WrittenPort {
  std::optional<policy::Protocol> protocol = policy::kTcp;  ///< absent: whichever the named port has
  std::optional<policy::PortRange> range;
  std::string name;  ///< without range and name: all ports of the protocol
};

/// TCP, UDP or SCTP. Absent after an error.
std::optional<policy::Protocol> read_transport(const Cursor& at);
/// Absent after an error.
std::optional<std::uint16_t> read_port_number(const Cursor& at);
/// The name of a container port; a bad one is reported.
void read_port_name(const Cursor& at, std::string& name);

/// Appends a copy of `rule` for each peer and each protocol among the ports. `ports` that restrict nothing mean every
/// protocol.
void append_rules(policy::Rule rule, policy::Direction direction, const std::vector<policy::Peer>& peers,
                  const Alternatives<WrittenPort>& ports, std::vector<policy::Rule>& rules);

}  // namespace tierwall::daemon

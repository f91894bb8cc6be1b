#pragma once
// What worlds and policies of the generator speak of: few labels, ports and blocks, so that they meet often.

#include <cstdint>
#include <vector>

#include "policy/address.h"
#include "policy/label.h"
#include "policy/port.h"
#include "policy/selector.h"
#include "tests/differential/random_choice.h"

namespace tierwall::test {

policy::Labels some_labels(RandomChoice& random);

/// Blocks that overlap, touch, hold everything or nothing known.
policy::Prefix some_prefix(RandomChoice& random);
/// A block that leaves something over.
policy::Prefix some_excluded_prefix(RandomChoice& random);

std::uint16_t some_port(RandomChoice& random);
std::vector<policy::PortRange> some_port_ranges(RandomChoice& random);
/// Sorted, at least one.
std::vector<std::string> some_port_names(RandomChoice& random);

/// Over everything that has labels: pods and network sets, by their own labels and by what they inherit.
policy::Selector some_selector(RandomChoice& random, int depth = 2);
/// Pods of one namespace, of all, or of those with a label: how namespaced policies and peers are composed.
policy::Selector some_pods(RandomChoice& random, const std::string& ns);

}  // namespace tierwall::test

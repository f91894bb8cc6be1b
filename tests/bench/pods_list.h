#pragma once
// What an API server says about many pods, as it says it: compact JSON with everything nobody here needs, which is most
// of it (managedFields, annotations, environments, probes, volumes, conditions, states of containers).

#include <cstddef>
#include <string>
#include <string_view>

namespace tierwall::bench {

/// Some 7 KB. Every number gives another name, address and version.
std::string pod_text(std::size_t number);

/// A PodList of at least so many bytes.
std::string pods_list(std::size_t bytes);

/// The same pods as the first frames of a watch, with the bookmark that ends them.
std::string pods_stream(std::size_t bytes);

}  // namespace tierwall::bench

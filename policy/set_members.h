#pragma once
// The members of sets, found from scratch: every query visits every subject.

#include <map>
#include <vector>

#include "policy/node_policy.h"
#include "policy/set_query.h"
#include "policy/subjects.h"

namespace tierwall::policy {

/// Endpoint slices by the Service they are of.
using SlicesByService = std::map<ServiceName, std::vector<const EndpointSlice*>>;
SlicesByService slices_by_service(const Snapshot& snapshot);

/// What an endpoint adds to a set of named ports.
void append_named_ports(std::vector<ServiceAddress>& members, const SetQuery& query,
                        const std::vector<Address>& addresses, const std::vector<ContainerPort>& ports);

/// The members of a service's set, sorted and unique. Pre: the query is of that sort.
std::vector<Address> find_service_addresses(const std::vector<const EndpointSlice*>& slices);
std::vector<ServiceAddress> find_service_ports(const SetQuery& query, const std::vector<const EndpointSlice*>& slices);

/// Fills the sets of the policy, to which the queries belong.
void find_members(const Snapshot& snapshot, const Subjects& subjects, const SetQueries& queries, NodePolicy& policy);

}  // namespace tierwall::policy

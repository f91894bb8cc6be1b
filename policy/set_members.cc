#include "policy/set_members.h"

#include <algorithm>

namespace tierwall::policy {

namespace {

template <typename Member>
void sort_unique(std::vector<Member>& members) {
  std::ranges::sort(members);
  members.erase(std::unique(members.begin(), members.end()), members.end());
}

/// Calls `visit` with every subject the selector denotes.
template <typename Visit>
void for_each_denoted(const std::vector<Subject>& subjects, const Selector& selector, Visit visit) {
  for (const Subject& subject : subjects) {
    if (matches(selector, subject.scope)) visit(subject);
  }
}

class MemberFinder {
 public:
  MemberFinder(const Snapshot& snapshot, const Subjects& subjects)
      : subjects_(subjects), slices_(slices_by_service(snapshot)) {}

  void fill(const SetQuery& query, AddressSet& set) const {
    const auto append = [&](const Subject& subject) {
      set.addresses.insert(set.addresses.end(), subject.addresses.begin(), subject.addresses.end());
    };
    switch (query.of) {
      case SetQuery::Of::Endpoints:
        for_each_denoted(subjects_.pods, query.selector, append);
        for_each_denoted(subjects_.host_endpoints, query.selector, append);
        for_each_denoted(subjects_.network_sets, query.selector, [&](const Subject& subject) {
          for (const AddressRange& range : subject.network_set->nets.ranges()) set.nets.insert(range);
        });
        break;
      case SetQuery::Of::Nodes:
        for_each_denoted(subjects_.nodes, query.selector, append);
        break;
      default:
        set.addresses = find_service_addresses(slices_of(query.service));
    }
    sort_unique(set.addresses);
  }

  void fill(const SetQuery& query, ServiceSet& set) const {
    if (query.of == SetQuery::Of::ServicePorts) {
      set.members = find_service_ports(query, slices_of(query.service));
      return;
    }
    for (const auto* endpoints : {&subjects_.pods, &subjects_.host_endpoints}) {
      for_each_denoted(*endpoints, query.selector, [&](const Subject& endpoint) {
        append_named_ports(set.members, query, endpoint.addresses, *endpoint.ports);
      });
    }
    sort_unique(set.members);
  }

 private:
  [[nodiscard]] std::vector<const EndpointSlice*> slices_of(const ServiceName& service) const {
    const auto found = slices_.find(service);
    return found == slices_.end() ? std::vector<const EndpointSlice*>{} : found->second;
  }

  const Subjects& subjects_;
  SlicesByService slices_;
};

}  // namespace

SlicesByService slices_by_service(const Snapshot& snapshot) {
  SlicesByService slices;
  for (const auto& [name, slice] : snapshot.endpoint_slices) {
    if (!slice.service.empty()) slices[{slice.ns, slice.service}].push_back(&slice);
  }
  return slices;
}

void append_named_ports(std::vector<ServiceAddress>& members, const SetQuery& query,
                        const std::vector<Address>& addresses, const std::vector<ContainerPort>& ports) {
  for (const ContainerPort& port : ports) {
    if (port.name != query.port_name || (query.protocol && port.protocol != *query.protocol)) continue;
    for (const Address& address : addresses) members.push_back({address, port.protocol, port.port});
  }
}

std::vector<Address> find_service_addresses(const std::vector<const EndpointSlice*>& slices) {
  std::vector<Address> addresses;
  for (const EndpointSlice* slice : slices) {
    addresses.insert(addresses.end(), slice->addresses.begin(), slice->addresses.end());
  }
  sort_unique(addresses);
  return addresses;
}

std::vector<ServiceAddress> find_service_ports(const SetQuery& query, const std::vector<const EndpointSlice*>& slices) {
  std::vector<ServiceAddress> members;
  for (const EndpointSlice* slice : slices) {
    for (const Address& address : slice->addresses) {
      for (const EndpointPort& port : slice->ports) {
        if (!query.protocol || port.protocol == *query.protocol) members.push_back({address, port.protocol, port.port});
      }
    }
  }
  sort_unique(members);
  return members;
}

void find_members(const Snapshot& snapshot, const Subjects& subjects, const SetQueries& queries, NodePolicy& policy) {
  const MemberFinder finder(snapshot, subjects);
  for (SetId id = 0; id < policy.address_sets.size(); ++id) {
    finder.fill(queries.address_sets[id], policy.address_sets[id]);
  }
  for (SetId id = 0; id < policy.service_sets.size(); ++id) {
    finder.fill(queries.service_sets[id], policy.service_sets[id]);
  }
}

}  // namespace tierwall::policy

#include "policy/address_claims.h"

#include <algorithm>

#include "policy/subjects.h"

namespace tierwall::policy {

namespace {

/// A pod may list an address twice.
std::set<Address> each_once(const std::vector<Address>& addresses) {
  return {addresses.begin(), addresses.end()};
}

}  // namespace

std::set<AddressClaims::PodName> AddressClaims::note_sandbox(const Snapshot& snapshot, const ResourceKey& sandbox) {
  std::set<PodName> pods;
  const PodName name{sandbox.ns, sandbox.name};
  if (const auto former = pod_of_sandbox_.find(name); former != pod_of_sandbox_.end()) {
    pods.insert(former->second);
    const auto siblings = sandboxes_of_.find(former->second);
    siblings->second.erase(name);
    if (siblings->second.empty()) sandboxes_of_.erase(siblings);
    pod_of_sandbox_.erase(former);
  }
  if (const auto known = snapshot.sandboxes.find(name); known != snapshot.sandboxes.end()) {
    const PodName pod{known->second.ns, known->second.pod};
    pods.insert(pod);
    pod_of_sandbox_[name] = pod;
    sandboxes_of_[pod].insert(name);
  }
  return pods;
}

std::vector<Address> AddressClaims::claimed_now(const Snapshot& snapshot, const PodName& name) const {
  const auto pod = snapshot.pods.find(name);
  if (pod == snapshot.pods.end() || !pod->second.is_endpoint()) return {};
  const auto sandboxes = sandboxes_of_.find(name);
  if (!pod->second.addresses.empty() || sandboxes == sandboxes_of_.end()) return pod->second.addresses;
  std::vector<Address> addresses;
  for (const PodName& sandbox : sandboxes->second) {
    const std::vector<Address>& given = snapshot.sandboxes.at(sandbox).addresses;
    addresses.insert(addresses.end(), given.begin(), given.end());
  }
  return addresses;
}

std::set<AddressClaims::PodName> AddressClaims::note_pod(const Snapshot& snapshot, const PodName& pod) {
  std::set<PodName> others;
  std::vector<Address> addresses = claimed_now(snapshot, pod);
  if (const auto former = claims_.find(pod); former != claims_.end()) {
    withdraw(pod, former->second, others);
    if (addresses.empty()) claims_.erase(former);
  }
  if (addresses.empty()) return others;
  const auto entry = claims_.insert_or_assign(pod, std::move(addresses)).first;
  enter(entry->first, entry->second, others);
  return others;
}

void AddressClaims::withdraw(const PodName& pod, const std::vector<Address>& addresses, std::set<PodName>& others) {
  for (const Address& address : each_once(addresses)) {
    const auto entry = claimants_.find(address);
    Claimants& claimants = entry->second;
    claimants.erase(std::ranges::find_if(claimants, [&](const PodName* claimant) { return *claimant == pod; }));
    for (const PodName* other : claimants) others.insert(*other);
    if (claimants.size() < 2) contested_.erase(address);
    if (claimants.empty()) claimants_.erase(entry);
  }
}

void AddressClaims::enter(const PodName& pod, const std::vector<Address>& addresses, std::set<PodName>& others) {
  for (const Address& address : each_once(addresses)) {
    Claimants& claimants = claimants_[address];
    for (const PodName* other : claimants) others.insert(*other);
    claimants.push_back(&pod);
    if (claimants.size() > 1) contested_.insert(address);
  }
}

std::vector<Address> AddressClaims::held_by(const Snapshot& snapshot, const PodName& name) const {
  const auto claims = claims_.find(name);
  if (claims == claims_.end()) return {};
  const Pod& pod = snapshot.pods.at(name);
  std::vector<Address> held;
  for (const Address& address : claims->second) {
    const Claimants& claimants = claimants_.at(address);
    const bool lost = std::ranges::any_of(
        claimants, [&](const PodName* other) { return *other != name && outranks(snapshot.pods.at(*other), pod); });
    if (!lost) held.push_back(address);
  }
  return held;
}

std::vector<std::string> AddressClaims::remarks(const Snapshot& snapshot) const {
  std::set<PodName> rivals;
  for (const Address& address : contested_) {
    for (const PodName* pod : claimants_.at(address)) rivals.insert(*pod);
  }
  std::vector<std::string> remarks;
  std::map<Address, const Pod*> holders;
  for (const PodName& name : rivals) {
    const Pod& pod = snapshot.pods.at(name);
    for (const Address& address : claims_.at(name)) {
      const auto [holder, added] = holders.try_emplace(address, &pod);
      if (added || holder->second == &pod) continue;
      const bool wins = outranks(pod, *holder->second);
      const Pod& loser = wins ? *holder->second : pod;
      if (wins) holder->second = &pod;
      remarks.push_back(print_shared_address(*holder->second, loser, address));
    }
  }
  return remarks;
}

}  // namespace tierwall::policy

#include "daemon/drops/drop_log.h"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <utility>

namespace tierwall::daemon {

namespace {

bool is_the_same_again(const Drop& left, const Drop& right) {
  Drop again = right;
  again.source_port = left.source_port;
  again.generation = left.generation;
  return left == again;
}

}  // namespace

void DropLog::add(Drop drop, std::chrono::milliseconds now) {
  const std::size_t back = std::min(entries_.size(), kLookedBack);
  const auto is_repeated = [&](const LoggedDrop& entry) {
    const bool together = entry.first <= now && now - entry.first < kTogether;  // the clock may have been set back
    return together && is_the_same_again(entry.drop, drop);
  };
  const auto former =
      std::find_if(entries_.rbegin(), entries_.rbegin() + static_cast<std::ptrdiff_t>(back), is_repeated);
  if (former != entries_.rbegin() + static_cast<std::ptrdiff_t>(back)) {
    former->last = now;
    ++former->packets;
    return;
  }
  if (entries_.size() == kMost) entries_.pop_front();
  entries_.push_back({.number = ++last_number_, .first = now, .last = now, .packets = 1, .drop = std::move(drop)});
}

void DropLog::remember(std::vector<LoggedDrop> entries) {
  if (entries.empty()) return;
  last_number_ = entries.back().number;
  const auto kept = static_cast<std::ptrdiff_t>(std::min(entries.size(), kMost));
  entries_.assign(std::make_move_iterator(entries.end() - kept), std::make_move_iterator(entries.end()));
}

std::vector<LoggedDrop> DropLog::since(std::uint64_t after, std::size_t limit) const {
  auto first = std::ranges::upper_bound(entries_, after, {}, &LoggedDrop::number);
  const auto count = static_cast<std::size_t>(entries_.end() - first);
  if (count > limit) first += static_cast<std::ptrdiff_t>(count - limit);
  return {first, entries_.end()};
}

std::vector<DropLog::Decider> DropLog::deciders(std::chrono::milliseconds from, std::chrono::milliseconds to) const {
  std::map<std::string, std::uint64_t> packets;
  for (const LoggedDrop& entry : entries_) {
    if (entry.last >= from && entry.last <= to) packets[name_decider(entry.drop)] += entry.packets;
  }
  std::vector<Decider> deciders;
  deciders.reserve(packets.size());
  for (const auto& [words, number] : packets) deciders.push_back({words, number});
  std::ranges::stable_sort(deciders, std::greater(), &Decider::packets);
  return deciders;
}

void name_pods(std::vector<LoggedDrop>& drops, const policy::Snapshot& world) {
  std::map<std::string, std::string> names;  // by address
  const auto ends = [](LoggedDrop& entry) { return std::array{&entry.drop.source, &entry.drop.destination}; };
  for (LoggedDrop& entry : drops) {
    for (const DropEnd* end : ends(entry)) {
      if (end->pod.empty()) names.try_emplace(end->address);
    }
  }
  if (names.empty()) return;
  for (const auto& [key, pod] : world.pods) {
    if (pod.host_network) continue;
    for (const policy::Address& address : pod.addresses) {
      const auto wanted = names.find(policy::print_address(address));
      if (wanted != names.end()) wanted->second = key.first + "/" + key.second;
    }
  }
  for (LoggedDrop& entry : drops) {
    for (DropEnd* end : ends(entry)) {
      if (end->pod.empty()) end->pod = names.at(end->address);
    }
  }
}

}  // namespace tierwall::daemon

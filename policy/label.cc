#include "policy/label.h"

#include <algorithm>
#include <functional>

namespace tierwall::policy {

namespace {

constexpr std::string_view kOrchestrator = "k8s";
/// Calico leaves out the service account label of longer names, because they do not fit a label value.
constexpr std::size_t kServiceAccountLabelLimit = 63;

constexpr std::size_t kMixer = 0x9e3779b9;  // of the golden ratio: keeps neighbouring hashes apart

std::size_t mix(std::size_t seed, const std::string& text) {
  return seed ^ (std::hash<std::string>{}(text) + kMixer + (seed << 6) + (seed >> 2));
}

std::optional<std::string_view> find_in(const Labels* labels, std::string_view key) {
  return labels == nullptr ? std::nullopt : labels->find(key);
}

std::optional<std::string_view> if_given(std::string_view value) {
  if (value.empty()) return std::nullopt;
  return value;
}

/// Labels inherited from a namespace or service account: its name, and then what it wrote itself.
std::optional<std::string_view> find_inherited(std::string_view name, const Labels* labels, std::string_view key) {
  if (name.empty()) return std::nullopt;
  if (key == kNameLabel) return name;
  return find_in(labels, key);
}

}  // namespace

Labels::Labels(std::initializer_list<Entry> entries) {
  for (const Entry& entry : entries) set(entry.first, entry.second);
}

const std::vector<Labels::Entry>& Labels::entries() const {
  static const std::vector<Entry> none;
  return entries_ == nullptr ? none : *entries_;
}

/// What may be changed without anybody else seeing it.
std::vector<Labels::Entry>& Labels::own_entries() {
  if (entries_ == nullptr || is_shared()) entries_ = std::make_shared<std::vector<Entry>>(entries());
  return *entries_;
}

void Labels::set(std::string key, std::string value) {
  std::vector<Entry>& entries = own_entries();
  const auto at = std::lower_bound(entries.begin(), entries.end(), key,
                                   [](const Entry& entry, const std::string& wanted) { return entry.first < wanted; });
  if (at != entries.end() && at->first == key) {
    at->second = std::move(value);
  } else {
    entries.emplace(at, std::move(key), std::move(value));
  }
}

std::size_t Labels::hash() const {
  std::size_t hash = 0;
  for (const auto& [key, value] : entries()) hash = mix(mix(hash, key), value);
  return hash;
}

std::optional<std::string_view> Labels::find(std::string_view key) const {
  if (empty()) return std::nullopt;
  const auto at = std::lower_bound(entries_->begin(), entries_->end(), key,
                                   [](const Entry& entry, std::string_view wanted) { return entry.first < wanted; });
  if (at == entries_->end() || at->first != key) return std::nullopt;
  return at->second;
}

std::optional<std::string_view> LabelScope::find(std::string_view key) const {
  if (key == kNamespaceLabel) return if_given(namespace_name);
  if (key == kOrchestratorLabel) return workload ? std::optional(kOrchestrator) : std::nullopt;
  if (key == kServiceAccountLabel) {
    return service_account.size() < kServiceAccountLabelLimit ? if_given(service_account) : std::nullopt;
  }
  if (key.starts_with(kNamespacePrefix)) {
    return find_inherited(namespace_name, namespace_labels, key.substr(kNamespacePrefix.size()));
  }
  if (key.starts_with(kServiceAccountPrefix)) {
    return find_inherited(service_account, service_account_labels, key.substr(kServiceAccountPrefix.size()));
  }
  if (const std::optional<std::string_view> value = find_in(own, key)) return value;
  return find_in(profile_labels, key);
}

}  // namespace tierwall::policy

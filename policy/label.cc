#include "policy/label.h"

#include <algorithm>

namespace tierwall::policy {

namespace {

constexpr std::string_view kOrchestrator = "k8s";
/// Calico leaves out the service account label of longer names, because they do not fit a label value.
constexpr std::size_t kServiceAccountLabelLimit = 63;

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

void Labels::set(std::string key, std::string value) {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), key,
                                   [](const Entry& entry, const std::string& wanted) { return entry.first < wanted; });
  if (at != entries_.end() && at->first == key) {
    at->second = std::move(value);
  } else {
    entries_.emplace(at, std::move(key), std::move(value));
  }
}

std::optional<std::string_view> Labels::find(std::string_view key) const {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), key,
                                   [](const Entry& entry, std::string_view wanted) { return entry.first < wanted; });
  if (at == entries_.end() || at->first != key) return std::nullopt;
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

#pragma once
// Labels of one object, and the scope in which a selector looks a label up.

#include <compare>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tierwall::policy {

/// The labels of one object, sorted by key, each key once. Copies share their entries; one that is changed gets entries
/// of its own. SharingPool makes equal labels share theirs, too.
class Labels {
 public:
  using Entry = std::pair<std::string, std::string>;

  Labels() = default;
  Labels(std::initializer_list<Entry> entries);

  /// Adds or replaces.
  void set(std::string key, std::string value);
  [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const;
  [[nodiscard]] bool empty() const { return entries_ == nullptr; }
  [[nodiscard]] const std::vector<Entry>& entries() const;
  /// Others have the very same entries.
  [[nodiscard]] bool is_shared() const { return entries_.use_count() > 1; }
  [[nodiscard]] std::size_t hash() const;

  friend bool operator==(const Labels& left, const Labels& right) {
    return left.entries_ == right.entries_ || left.entries() == right.entries();
  }
  friend auto operator<=>(const Labels& left, const Labels& right) { return left.entries() <=> right.entries(); }

 private:
  std::vector<Entry>& own_entries();

  std::shared_ptr<std::vector<Entry>> entries_;  // null: none
};

/// Label keys the Calico model gives a meaning of its own (calico.md 2.4).
inline constexpr std::string_view kNamespaceLabel = "projectcalico.org/namespace";
inline constexpr std::string_view kOrchestratorLabel = "projectcalico.org/orchestrator";
inline constexpr std::string_view kServiceAccountLabel = "projectcalico.org/serviceaccount";
inline constexpr std::string_view kNameLabel = "projectcalico.org/name";
inline constexpr std::string_view kNamespacePrefix = "pcns.";
inline constexpr std::string_view kServiceAccountPrefix = "pcsa.";

/// Everything one endpoint or network set answers when a selector asks for a label. A parameter object: it borrows
/// from the objects it describes and lives no longer than the call.
///
/// The reserved keys come first and cannot be forged by an object's own labels. That differs from Calico for the
/// pcns. and pcsa. prefixes, where a pod's own label of that name would win and let the pod's author choose which
/// namespace selectors match it.
struct LabelScope {
  const Labels* own = nullptr;
  std::string_view namespace_name = {};  ///< empty for cluster-scoped objects
  const Labels* namespace_labels = nullptr;
  bool workload = false;                  ///< pods: gives them the orchestrator label
  std::string_view service_account = {};  ///< pods only
  const Labels* service_account_labels = nullptr;
  const Labels* profile_labels = nullptr;  ///< labelsToApply; an own label of the same key wins

  [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const;
};

}  // namespace tierwall::policy

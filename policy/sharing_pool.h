#pragma once
// One copy of what many objects have in common: the labels of a deployment's pods, the name of the node they run on.

#include <algorithm>
#include <cstddef>
#include <unordered_set>

namespace tierwall::policy {

/// Keeps values (Labels, SharedText) for as long as anybody outside uses them. Who goes does not say so; the pool looks
/// through itself whenever it has doubled. So it never holds much more than twice what is used, and asking stays cheap.
template <typename Value>
class SharingPool {
 public:
  static constexpr std::size_t kFirstLook = 64;

  /// A value equal to this one, which shares its memory with all equal ones that came out of this pool.
  [[nodiscard]] Value share(const Value& value) {
    if (value.empty()) return value;
    if (const auto known = values_.find(value); known != values_.end()) return *known;
    if (values_.size() >= look_at_) drop_unused();
    return *values_.insert(value).first;
  }
  /// Different values that are kept, whether they are still used or not.
  [[nodiscard]] std::size_t size() const { return values_.size(); }

 private:
  struct Hash {
    std::size_t operator()(const Value& value) const { return value.hash(); }
  };

  void drop_unused() {
    std::erase_if(values_, [](const Value& value) { return !value.is_shared(); });
    look_at_ = std::max(kFirstLook, 2 * values_.size());
  }

  std::unordered_set<Value, Hash> values_;
  std::size_t look_at_ = kFirstLook;
};

}  // namespace tierwall::policy

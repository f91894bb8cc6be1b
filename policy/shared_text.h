#pragma once
// A text that very many objects have in common, such as the name of the node they run on.

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace tierwall::policy {

/// Never changes; copies share its memory, and SharingPool lets equal texts share it, too. An empty one has none.
class SharedText {
 public:
  SharedText() = default;
  template <typename Text>
  requires std::convertible_to<const Text&, std::string_view> SharedText(const Text& text)
      : text_(make(text)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] const std::string& text() const {
    static const std::string none;
    return text_ == nullptr ? none : *text_;
  }
  [[nodiscard]] bool empty() const { return text_ == nullptr; }
  /// Others have the very same memory.
  [[nodiscard]] bool is_shared() const { return text_.use_count() > 1; }
  [[nodiscard]] std::size_t hash() const { return std::hash<std::string>{}(text()); }

  friend bool operator==(const SharedText& left, const SharedText& right) {
    return left.text_ == right.text_ || left.text() == right.text();
  }
  template <typename Text>
  requires std::convertible_to<const Text&, std::string_view>
  friend bool operator==(const SharedText& left, const Text& right) { return left.text() == std::string_view(right); }

 private:
  static std::shared_ptr<const std::string> make(std::string_view text) {
    return text.empty() ? nullptr : std::make_shared<const std::string>(text);
  }

  std::shared_ptr<const std::string> text_;
};

}  // namespace tierwall::policy

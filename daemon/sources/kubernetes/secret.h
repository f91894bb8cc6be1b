#pragma once
// Text that must not appear in a log, an error or a status by accident: it has no printer and has to be asked for.

#include <string>
#include <utility>

namespace tierwall::daemon {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] const std::string& reveal() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  std::string text_;
};

}  // namespace tierwall::daemon

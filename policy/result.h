#pragma once
// Result<T>: how everything that can fail because of the outside world answers. A failure is a value with a kind
// callers may branch on, an errno where one exists, and a sentence that grows context while it travels up.
// Bugs are not Results: they go through TIERWALL_CHECK and abort, because the kernel keeps filtering with the
// last committed rules while systemd restarts us.

#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace tierwall {

enum class ErrorKind { Malformed, Unsupported, NotFound, Conflict, Busy, Denied, Exhausted, Unavailable, Internal };

struct Error {
  ErrorKind kind = ErrorKind::Internal;
  std::string message;
  int errno_value = 0;  ///< 0 when no system call failed

  friend bool operator==(const Error&, const Error&) = default;

  /// The same failure seen from one level further up: "context: message".
  [[nodiscard]] Error in(std::string_view context) const {
    return {kind, std::string(context) + ": " + message, errno_value};
  }
};

inline Error malformed(std::string message) {
  return {ErrorKind::Malformed, std::move(message)};
}

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return state_.index() == 0; }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<std::monostate, Error> state_;
};

[[noreturn]] void abort_on_bug(const char* condition, const char* file, int line);

}  // namespace tierwall

/// An invariant whose violation is a bug of ours; active in every build type.
#define TIERWALL_CHECK(condition) ((condition) ? void(0) : ::tierwall::abort_on_bug(#condition, __FILE__, __LINE__))

#pragma once
// Network interfaces without a kernel: a test says what there is and what happens, and which calls fail.

#include <cerrno>
#include <deque>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <sys/eventfd.h>

#include "daemon/sources/kernel_interfaces.h"
#include "systemd/unique_fd.h"

namespace tierwall::test {

class FakeKernelInterfaces final : public daemon::KernelInterfaces {
 public:
  FakeKernelInterfaces() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!wake_.is_open()) throw std::system_error(errno, std::generic_category(), "eventfd");
  }

  /// What list() says from now on.
  void set(std::vector<daemon::InterfaceNotice> present) { present_ = std::move(present); }
  /// The next read() gives these, or fails.
  void notify(std::vector<daemon::InterfaceNotice> notices) { push(std::move(notices)); }
  void lose_notices() { push(Error{ErrorKind::Exhausted, "notices were lost"}); }
  /// The next list() fails.
  void refuse(Error error) { refusals_.push_back(std::move(error)); }
  [[nodiscard]] std::size_t lists() const { return lists_; }

  [[nodiscard]] int fd() const override { return wake_.raw(); }
  Result<std::vector<daemon::InterfaceNotice>> list() override {
    ++lists_;
    if (refusals_.empty()) return present_;
    Error refusal = std::move(refusals_.front());
    refusals_.pop_front();
    return refusal;
  }
  Result<std::vector<daemon::InterfaceNotice>> read() override {
    eventfd_t count = 0;
    eventfd_read(wake_.raw(), &count);
    if (waiting_.empty()) return std::vector<daemon::InterfaceNotice>{};
    Result<std::vector<daemon::InterfaceNotice>> next = std::move(waiting_.front());
    waiting_.pop_front();
    if (!waiting_.empty()) eventfd_write(wake_.raw(), 1);
    return next;
  }

 private:
  void push(Result<std::vector<daemon::InterfaceNotice>> answer) {
    waiting_.push_back(std::move(answer));
    eventfd_write(wake_.raw(), 1);
  }

  systemd::UniqueFd wake_;
  std::vector<daemon::InterfaceNotice> present_;
  std::deque<Result<std::vector<daemon::InterfaceNotice>>> waiting_;
  std::deque<Error> refusals_;
  std::size_t lists_ = 0;
};

}  // namespace tierwall::test

#include "tests/lab/net_namespace.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <sched.h>

namespace tierwall::lab {

void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

NetNamespace NetNamespace::of_caller() {
  UniqueFd fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!fd) throw_errno("open the network namespace of this thread");
  return NetNamespace(std::move(fd));
}

NetNamespace NetNamespace::create() {
  const NetNamespace home = of_caller();
  if (::unshare(CLONE_NEWNET) != 0) throw_errno("make a network namespace");
  NetNamespace made = of_caller();
  if (::setns(home.fd(), CLONE_NEWNET) != 0) std::abort();  // in the wrong network nothing may go on
  return made;
}

std::string NetNamespace::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.number());
}

void NetNamespace::write_sysctl(std::string_view name, std::string_view value) const {
  std::string path = "/proc/sys/" + std::string(name);
  std::replace(path.begin() + 10, path.end(), '.', '/');
  const Inside inside(*this);  // the kernel looks /proc/sys/net up in the namespace of the thread that opens it
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.number(), value.data(), value.size()) < 0) throw_errno("write " + path);
}

Inside::Inside(const NetNamespace& there) : home_(NetNamespace::of_caller()) {
  if (::setns(there.fd(), CLONE_NEWNET) != 0) throw_errno("enter a network namespace");
}

Inside::~Inside() {
  if (::setns(home_.fd(), CLONE_NEWNET) != 0) std::abort();
}

}  // namespace tierwall::lab

#pragma once
// The door to the kernel's network interfaces: what there is, and what happens to it.

#include <vector>

#include "daemon/sources/interface_notices.h"
#include "policy/result.h"

namespace tierwall::daemon {

class KernelInterfaces {
 public:
  virtual ~KernelInterfaces() = default;

  /// Readable when notices wait. Stays the same for the door's life, and is the door's.
  [[nodiscard]] virtual int fd() const = 0;
  /// All links and addresses there are now. What happens from the opening of the door on is in notices, too, so that
  /// nothing is missed in between. Fails with the kernel's words; may be tried again.
  virtual Result<std::vector<InterfaceNotice>> list() = 0;
  /// The notices that wait, in order; none is no failure. Exhausted: there were more than the door holds, so list()
  /// has to be asked again; notices from before that are not given any more.
  virtual Result<std::vector<InterfaceNotice>> read() = 0;
};

}  // namespace tierwall::daemon

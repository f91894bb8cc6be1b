#include "systemd/notify.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "systemd/unique_fd.h"

namespace tierwall::systemd {
namespace {

/// Stands in for the service manager: an abstract datagram socket that NOTIFY_SOCKET names.
class ServiceManager {
 public:
  ServiceManager() : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    const std::string name = "tierwall-notify-test-" + std::to_string(getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(&address.sun_path[1], name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    EXPECT_EQ(bind(fd_.raw(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  }
  ~ServiceManager() { unsetenv("NOTIFY_SOCKET"); }

  std::string receive() {
    std::array<char, 4096> buffer;
    const ssize_t count = recv(fd_.raw(), buffer.data(), buffer.size(), 0);
    return count < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(count));
  }

 private:
  UniqueFd fd_;
};

TEST(Notify, SaysReadyWithTheStatus) {
  ServiceManager manager;
  notify_ready("in sync: 3 endpoints");
  EXPECT_EQ(manager.receive(), "READY=1\nSTATUS=in sync: 3 endpoints");
}

TEST(Notify, AStatusCannotSmuggleAnAssignmentIn) {
  ServiceManager manager;
  notify_status("degraded: first\nSTOPPING=1");
  EXPECT_EQ(manager.receive(), "STATUS=degraded: first STOPPING=1");
}

TEST(Notify, AReloadCarriesItsTime) {
  ServiceManager manager;
  notify_reloading();
  const std::string message = manager.receive();
  const std::string expected = "RELOADING=1\nMONOTONIC_USEC=";
  ASSERT_EQ(message.substr(0, expected.size()), expected);
  EXPECT_GT(std::stoull(message.substr(expected.size())), 0u);
}

TEST(Notify, SaysThatItStops) {
  ServiceManager manager;
  notify_stopping("stopping");
  EXPECT_EQ(manager.receive(), "STOPPING=1\nSTATUS=stopping");
}

TEST(Notify, WithoutAServiceManagerNothingHappens) {
  unsetenv("NOTIFY_SOCKET");
  notify_ready("alone");
}

}  // namespace
}  // namespace tierwall::systemd

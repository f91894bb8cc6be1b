// Which connections of a node are worth guarding, from tables of them and from a real kernel.

#include "daemon/guard/socket_flows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tierwall::daemon {
namespace {

using policy::parse_address;
using testing::ElementsAre;

Connection connection(const char* local, std::uint16_t local_port, const char* remote, std::uint16_t remote_port,
                      std::uint32_t inode = 1) {
  return {*parse_address(local), *parse_address(remote), local_port, remote_port, inode};
}

std::vector<std::string> names_of(const std::vector<Connection>& connections, const std::set<std::uint32_t>& own = {}) {
  const auto interface_to = [](const policy::Address& address) {
    if (address == *parse_address("127.0.0.1")) return std::string("lo");
    return std::string(address.family == policy::Family::V4 ? "eth0" : "eth1");
  };
  std::vector<std::string> names;
  for (const ManagementFlow& flow : select_flows(connections, own, {.node = "n", .ports = {22}}, interface_to)) {
    names.push_back(flow.what + " via " + flow.passage.in.value_or("") + "/" + flow.passage.out.value_or(""));
  }
  return names;
}

TEST(SelectFlows, SessionsAreToldOncePerPeer) {
  EXPECT_THAT(
      names_of({connection("192.0.2.1", 22, "203.0.113.9", 40000), connection("192.0.2.1", 22, "203.0.113.9", 40001),
                connection("192.0.2.1", 80, "203.0.113.9", 40002), connection("fd00::1", 22, "fd00::9", 40000),
                connection("127.0.0.1", 22, "127.0.0.1", 40000)}),
      ElementsAre("the session of 203.0.113.9 on tcp 22 via eth0/", "the session of fd00::9 on tcp 22 via eth1/"));
}

TEST(SelectFlows, TheApiServerIsWhoThisProcessIsConnectedTo) {
  EXPECT_THAT(names_of({connection("192.0.2.1", 40000, "192.0.2.10", 6443, 7),
                        connection("192.0.2.1", 40001, "192.0.2.11", 443)},
                       {7}),
              ElementsAre("the API server's address 192.0.2.10 on tcp 6443 via /eth0",
                          "the kubelet's port tcp 10250 for the API server's address 192.0.2.10 via eth0/"));
}

TEST(ReadConnections, BytesThatAreNoAnswerAreNoConnection) {
  EXPECT_TRUE(read_connections("").empty());
  EXPECT_TRUE(read_connections(std::string(7, '\x20')).empty());
  EXPECT_TRUE(read_connections(std::string(4096, '\xff')).empty());
}

TEST(SocketFlows, TheKernelAnswersAndAConnectionWithItselfIsNoManagementFlow) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(connect(client, reinterpret_cast<sockaddr*>(&address), length), 0);

  SocketFlows flows({.node = "n", .ports = {ntohs(address.sin_port)}});
  const auto observed = flows.observe();
  ASSERT_TRUE(observed) << observed.error().message;
  for (const ManagementFlow& flow : *observed) EXPECT_NE(flow.flow.source, *parse_address("127.0.0.1")) << flow.what;
  close(client);
  close(listener);
}

}  // namespace
}  // namespace tierwall::daemon

// What becomes of notices about interfaces: only what changed, and only what policy can depend on.

#include "daemon/sources/network_interfaces.h"

#include <chrono>
#include <functional>
#include <string>

#include <systemd/sd-event.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/sources/kubernetes/read_json.h"
#include "tests/fakes/fake_kernel_interfaces.h"

namespace tierwall::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using Change = policy::ResourceEvent::Change;

LinkNotice link(int index, const char* name, const char* kind = "") {
  return {.index = index, .name = name, .kind = kind};
}
LinkNotice no_link(int index) {
  return {.index = index, .gone = true};
}
AddressNotice address(int index, const char* text) {
  return {.index = index, .address = *policy::parse_address(text)};
}
AddressNotice no_address(int index, const char* text) {
  return {.index = index, .gone = true, .address = *policy::parse_address(text)};
}

struct NetworkInterfacesTest : testing::Test {
  /// One line per event since the last call: "+eth0 10.0.0.1", "-eth0".
  std::vector<std::string> news() { return std::exchange(lines, {}); }
  void take(const std::vector<policy::ResourceEvent>& events) {
    ++calls;
    for (const policy::ResourceEvent& event : events) {
      EXPECT_EQ(event.source, kInterfacesSource);
      std::string line = (event.change == Change::Gone ? "-" : "+") + event.key.name;
      if (event.resource) {
        for (const policy::Address& one : std::get<policy::NetworkInterface>(*event.resource).addresses) {
          line += " " + policy::print_address(one);
        }
      }
      lines.push_back(line);
    }
  }
  /// Something happens, and the loop turns once.
  void happens(std::vector<InterfaceNotice> notices) {
    kernel.notify(std::move(notices));
    sd_event_run(loop.raw(), 0);
  }

  systemd::EventLoop loop;
  test::FakeKernelInterfaces kernel;
  std::vector<std::string> lines;
  int calls = 0;
  NetworkInterfaces interfaces{loop, kernel,
                               [this](const std::vector<policy::ResourceEvent>& events) { take(events); }};
};

TEST_F(NetworkInterfacesTest, WhatIsThereAtStartIsToldAtOnce) {
  kernel.set({link(1, "lo"), link(2, "eth0"), address(1, "127.0.0.1"), address(2, "192.0.2.9"), address(2, "10.0.0.1"),
              address(2, "2001:db8::1"), address(2, "fe80::1")});
  interfaces.start();
  EXPECT_THAT(news(), ElementsAre("+eth0 10.0.0.1 192.0.2.9 2001:db8::1", "+lo 127.0.0.1"));
}

TEST_F(NetworkInterfacesTest, OnlyWhatChangedIsTold) {
  kernel.set({link(2, "eth0"), address(2, "10.0.0.1")});
  interfaces.start();
  news();
  const struct {
    const char* what;
    std::vector<InterfaceNotice> notices;
    std::vector<std::string> news;
  } kStory[] = {
      {"an address more", {address(2, "10.0.0.2")}, {"+eth0 10.0.0.1 10.0.0.2"}},
      {"the same once more, as renewals of leases do", {address(2, "10.0.0.2"), link(2, "eth0")}, {}},
      {"it goes", {no_address(2, "10.0.0.2")}, {"+eth0 10.0.0.1"}},
      {"it comes and goes at once", {address(2, "10.0.0.3"), no_address(2, "10.0.0.3")}, {}},
      {"a link-local address", {address(2, "fe80::2")}, {}},
      {"a VLAN on it", {link(3, "eth0.17", "vlan"), address(3, "10.17.0.1")}, {"+eth0.17 10.17.0.1"}},
      {"a bond, which has no address yet", {link(4, "bond0", "bond")}, {"+bond0"}},
      {"the device gets another name", {link(2, "lan0")}, {"-eth0", "+lan0 10.0.0.1"}},
      {"two change names with each other",
       {link(4, "tmp", "bond"), link(3, "bond0", "vlan"), link(4, "eth0.17", "bond")},
       {"+bond0 10.17.0.1", "+eth0.17"}},
      {"the VLAN goes, with an address nobody mentioned again", {no_link(3), no_address(3, "10.17.0.1")}, {"-bond0"}},
      {"an address of a link nobody knows", {address(99, "10.9.9.9")}, {}},
  };
  for (const auto& step : kStory) {
    happens(step.notices);
    EXPECT_EQ(news(), step.news) << step.what;
  }
}

TEST_F(NetworkInterfacesTest, PodsComeAndGoUnnoticed) {
  interfaces.start();
  for (int i = 10; i < 200; ++i)
    happens({link(i, ("veth" + std::to_string(i)).c_str(), "veth"), address(i, "fe80::3")});
  EXPECT_EQ(calls, 0);
  happens({address(10, "10.1.0.1")});
  EXPECT_THAT(news(), ElementsAre("+veth10 10.1.0.1")) << "this one means something";
  happens({no_address(10, "10.1.0.1")});
  EXPECT_THAT(news(), ElementsAre("-veth10"));
  happens({link(300, "kube-ipvs0", "dummy"), address(300, "10.96.0.1")});
  EXPECT_THAT(news(), IsEmpty()) << "addresses of Services are not the node's";
}

TEST_F(NetworkInterfacesTest, LostNoticesAreMadeUpByAskingAgain) {
  kernel.set({link(2, "eth0"), address(2, "10.0.0.1"), link(3, "eth1")});
  interfaces.start();
  news();
  kernel.set({link(2, "eth0"), address(2, "10.0.0.7"), link(4, "wg0")});
  kernel.lose_notices();
  sd_event_run(loop.raw(), 0);
  EXPECT_EQ(kernel.lists(), 2U);
  EXPECT_THAT(news(), ElementsAre("-eth1", "+eth0 10.0.0.7", "+wg0"));
}

TEST_F(NetworkInterfacesTest, AListThatFailsIsTriedAgainAndTakesNothingAway) {
  kernel.set({link(2, "eth0")});
  interfaces.start();
  news();
  kernel.refuse(Error{ErrorKind::Busy, "too busy"});
  kernel.lose_notices();
  sd_event_run(loop.raw(), 0);
  EXPECT_THAT(interfaces.failure(), Optional(HasSubstr("too busy")));
  EXPECT_EQ(interfaces.interfaces().count("eth0"), 1U);
  happens({no_link(2)});
  EXPECT_THAT(news(), IsEmpty()) << "nobody knows what was missed";
  const auto deadline = std::chrono::steady_clock::now() + 5s;
  while (interfaces.failure() && std::chrono::steady_clock::now() < deadline) sd_event_run(loop.raw(), 100'000);
  EXPECT_FALSE(interfaces.failure());
  EXPECT_EQ(calls, 3) << "the start, the failure, and its end: there was no other change";
}

TEST_F(NetworkInterfacesTest, WhatAnEarlierLifeKnewIsComparedWithWhatThereIs) {
  std::vector<policy::ResourceEvent> remembered;
  for (const char* name : {"eth0", "eth1"}) {
    const policy::NetworkInterface device{.name = name, .addresses = {*policy::parse_address("10.0.0.1")}};
    remembered.push_back({.source = std::string(kInterfacesSource),
                          .key = policy::key_of(device),
                          .resource = policy::Resource(device)});
  }
  interfaces.remember(remembered);
  kernel.set({link(2, "eth0"), address(2, "10.0.0.1"), link(3, "eth2")});
  interfaces.start();
  EXPECT_THAT(news(), ElementsAre("-eth1", "+eth2"));
}

TEST_F(NetworkInterfacesTest, BridgesAreKnown) {
  kernel.set({link(2, "eth0"), link(3, "cni0", "bridge"), address(3, "10.1.0.1")});
  interfaces.start();
  EXPECT_THAT(interfaces.bridges(),
              ElementsAre(policy::NetworkInterface{"cni0", {*policy::parse_address("10.1.0.1")}}));
}

TEST(InterfaceText, ComesBackAsItWent) {
  const policy::NetworkInterface device{
      .name = "od\"d\\@if7", .addresses = {*policy::parse_address("10.0.0.1"), *policy::parse_address("2001:db8::1")}};
  JsonReader reader;
  const auto document = reader.read(print_interface(device), Projection::whole());
  ASSERT_TRUE(document) << document.error().message;
  const auto back = read_interface(*document, device.name);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, device);
  EXPECT_EQ(print_interface({.name = "\xff\xfe"}), "") << "no text holds such a name";
  for (const char* broken : {"{}", R"({"addresses":"10.0.0.1"})", R"({"addresses":["10.0.0"]})"}) {
    EXPECT_FALSE(read_interface(*reader.read(broken, Projection::whole()), "eth0")) << broken;
  }
}

}  // namespace
}  // namespace tierwall::daemon

#include "tests/lab/packet_exchange.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include "tests/lab/crafted_packet.h"
#include "tests/lab/socket_address.h"

namespace tierwall::lab {
namespace {

using policy::Family;
using policy::Flow;

constexpr std::size_t kFence = static_cast<std::size_t>(-1);
constexpr std::size_t kAtOnce = 250;  // a processor's queue takes 1000
constexpr int kReceiveRoom = 16 << 20;
constexpr std::chrono::seconds kFenceTimeout{10};

// The calling thread stays on the processor it is on.
class OnOneProcessor {
 public:
  OnOneProcessor() {
    if (::sched_getaffinity(0, sizeof before_, &before_) != 0) throw_errno("ask for processors");
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(std::max(::sched_getcpu(), 0)), &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0) throw_errno("choose a processor");
  }
  OnOneProcessor(const OnOneProcessor&) = delete;
  OnOneProcessor& operator=(const OnOneProcessor&) = delete;
  ~OnOneProcessor() { ::sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_{};
};

UniqueFd open_raw(const Host& host, int family, int type, int protocol) {
  UniqueFd fd(host.network.run([&] { return ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol); }));
  if (!fd) throw_errno("open a raw socket in " + host.name);
  return fd;
}

UniqueFd open_receiver(const Host& host) {
  UniqueFd fd = open_raw(host, AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL));
  const int on = 1;
  if (::setsockopt(fd.number(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0)
    throw_errno("ignore what goes out");
  if (::setsockopt(fd.number(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveRoom, sizeof kReceiveRoom) != 0)
    throw_errno("make room for packets");
  return fd;
}

// A multicast listener report: no policy judges it, and no connection is remembered for it.
Flow make_fence(const Host& from, const Host& to) {
  return {.source = from.address(Family::V6),
          .destination = to.address(Family::V6),
          .family = Family::V6,
          .protocol = policy::kIcmpv6,
          .icmp = {std::uint8_t{143}, std::uint8_t{0}}};
}

}  // namespace

PacketExchange::PacketExchange(const std::vector<const Host*>& hosts) {
  for (const Host* host : hosts) {
    for (const policy::Address& address : host->addresses) station_by_address_[address] = stations_.size();
    stations_.push_back({host, open_raw(*host, AF_INET, SOCK_RAW, IPPROTO_RAW),
                         open_raw(*host, AF_INET6, SOCK_RAW, IPPROTO_RAW), open_receiver(*host)});
  }
  get_acquainted();
}

bool PacketExchange::connects(const policy::Address& source, const policy::Address& destination) const {
  const auto from = station_by_address_.find(source);
  const auto to = station_by_address_.find(destination);
  return from != station_by_address_.end() && to != station_by_address_.end() && from->second != to->second;
}

std::size_t PacketExchange::station_of(const policy::Address& address) const {
  const auto found = station_by_address_.find(address);
  if (found == station_by_address_.end()) throw std::logic_error("no host has " + print_address(address));
  return found->second;
}

// Packets that wait for a link address may come behind the fence, so this is over before anything counts.
void PacketExchange::get_acquainted() {
  std::vector<Flow> flows;
  for (const Station& from : stations_) {
    for (const Station& to : stations_) {
      for (const Family family : policy::kFamilies) {
        if (&from == &to) continue;
        flows.push_back({from.host->address(family), to.host->address(family), family, policy::kUdp, 9, 9, {}});
      }
    }
  }
  for (int attempt = 0; attempt < 20; ++attempt) {
    const std::vector<bool> arrived = send(flows);
    if (std::ranges::count(arrived, false) == 0) return;
  }
  throw std::runtime_error("the hosts of the lab do not reach each other");
}

std::vector<bool> PacketExchange::send(std::span<const Flow> flows) {
  const OnOneProcessor here;
  std::vector<bool> arrived(flows.size());
  for (std::size_t first = 0; first < flows.size(); first += kAtOnce) {
    send_some(flows.subspan(first, std::min(kAtOnce, flows.size() - first)), first, arrived);
  }
  return arrived;
}

void PacketExchange::send_some(std::span<const Flow> flows, std::size_t first, std::vector<bool>& arrived) {
  under_way_.clear();
  std::set<std::pair<std::size_t, std::size_t>> ways;
  for (std::size_t i = 0; i < flows.size(); ++i) {
    ways.emplace(station_of(*flows[i].source), station_of(*flows[i].destination));
    transmit(flows[i], first + i);
  }
  fences_missing_ = ways.size();
  for (const auto& [from, to] : ways) transmit(make_fence(*stations_[from].host, *stations_[to].host), kFence);
  wait_for_fences(arrived);
}

void PacketExchange::transmit(const Flow& flow, std::size_t index) {
  if (++last_identifier_ == 0) ++last_identifier_;
  const std::vector<std::uint8_t> packet = make_packet(flow, last_identifier_);
  under_way_[lasting_bytes(packet)] = index;
  const Station& station = stations_[station_of(*flow.source)];
  const UniqueFd& sender = flow.family == Family::V4 ? station.sender_v4 : station.sender_v6;
  const SocketAddress target(*flow.destination, 0);
  if (::sendto(sender.number(), packet.data(), packet.size(), 0, target.get(), target.length()) < 0)
    throw_errno("send a packet from " + station.host->name);
}

void PacketExchange::wait_for_fences(std::vector<bool>& arrived) {
  const auto deadline = std::chrono::steady_clock::now() + kFenceTimeout;
  std::vector<pollfd> watched;
  for (const Station& station : stations_) watched.push_back({station.receiver.number(), POLLIN, 0});
  for (;;) {
    for (const Station& station : stations_) receive(station, arrived);
    if (fences_missing_ == 0) return;
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("a fence did not arrive");
    ::poll(watched.data(), watched.size(), 100);
  }
}

void PacketExchange::receive(const Station& station, std::vector<bool>& arrived) {
  std::array<std::uint8_t, 2048> buffer{};
  for (;;) {
    const ssize_t count = ::recv(station.receiver.number(), buffer.data(), buffer.size(), 0);
    if (count < 0) return;
    const auto found = under_way_.find(lasting_bytes(std::span(buffer.data(), static_cast<std::size_t>(count))));
    if (found == under_way_.end()) continue;  // answers, and what the kernels say to each other
    if (found->second == kFence) {
      --fences_missing_;
    } else {
      arrived[found->second] = true;
    }
    under_way_.erase(found);
  }
}

}  // namespace tierwall::lab

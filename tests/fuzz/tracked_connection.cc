// What the kernel says about tracked connections and sockets that listen.

#include <string>

#include <libmnl/libmnl.h>

#include "daemon/connections/connection_messages.h"
#include "daemon/guard/listening_sockets.h"
#include "tests/fuzz/target.h"

namespace tierwall::fuzz {

void tracked_connection(Bytes input) {
  for (const daemon::ListeningSocket& socket : daemon::read_listening(policy::kTcp, std::string(text_of(input)))) {
    require(socket.port != 0 && (socket.v4 || socket.v6), "who listens has a port and a family");
  }
  const std::vector<std::uint8_t> datagram = aligned_copy(input);
  auto left = static_cast<int>(datagram.size());
  const auto* message = reinterpret_cast<const nlmsghdr*>(datagram.data());
  while (mnl_nlmsg_ok(message, left) && message->nlmsg_len <= static_cast<std::uint32_t>(left)) {
    if (const auto connection = daemon::read_tracked(*message)) {
      require(connection->original.source.family == connection->reply.source.family, "both ways are of one family");
      static_cast<void>(daemon::encode_cut(*connection, true, 1));
    }
    message = mnl_nlmsg_next(message, &left);
  }
}

}  // namespace tierwall::fuzz

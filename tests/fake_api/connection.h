#pragma once
// One connection of a client, served by one thread: TLS, then HTTP by the version that was agreed on, with the
// misbehaviour of the wire (slow, stalled, cut) applied to whatever is sent.

#include <atomic>
#include <mutex>
#include <optional>

#include "tests/fake_api/protocol.h"
#include "tests/fake_api/tls_socket.h"

namespace tierwall::fake_api {

class Connection {
 public:
  Connection(lab::UniqueFd socket, const TlsIdentity& identity, const Front& front);

  /// Serves until the connection ends. The thread of the connection.
  void serve();

  // From any thread.
  void wake();  ///< there may be something new to send
  void cut(Cut how);
  void go_away();
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  enum class Step { GoOn, Ended };
  struct Output {
    std::string bytes{};
    Clock::time_point next_write{};  ///< when slowed down
  };

  [[nodiscard]] bool shake_hands();
  Step obey_orders(Protocol& protocol);
  Step send(Output& output, const Behaviour& behaviour);
  Step receive(Protocol& protocol);
  Step close_if_done(const Protocol& protocol, const Output& output);
  void run(Protocol& protocol);
  /// Until the socket is ready for these poll events, somebody calls wake(), or the time has come.
  void wait(short events, Clock::time_point until);

  TlsSocket socket_;
  Front front_;
  lab::UniqueFd wake_;
  std::mutex mutex_;
  std::optional<Cut> ordered_cut_;
  bool ordered_away_ = false;
  std::atomic<bool> ended_ = false;
};

}  // namespace tierwall::fake_api

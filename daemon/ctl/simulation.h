#pragma once
// What a change of policy would do to this node as it is at the moment: to the connections the kernel tracks, and to
// who reaches the sockets that listen. A value, made of values: nothing here asks the kernel.

#include <cstddef>
#include <string>
#include <vector>

#include "daemon/connections/judge_connection.h"
#include "daemon/control/status.h"
#include "daemon/ctl/connection.h"
#include "daemon/ctl/policy_difference.h"
#include "daemon/guard/listening_sockets.h"

namespace tierwall::daemon::ctl {

/// A connection that is judged otherwise.
struct TurnedConnection {
  bool cut = false;        ///< else it would be let through, and is denied now
  std::string connection;  ///< "tcp 10.0.0.1:40000 (pod app/web) to 10.0.0.2:80 (pod app/db)"
  std::string denier;      ///< of the denial, which is the future one or the one there is

  friend auto operator<=>(const TurnedConnection&, const TurnedConnection&) = default;
};

/// A socket that some reach otherwise.
struct TurnedSocket {
  bool closed = false;             ///< for them; else opened
  std::string socket;              ///< "tcp 9100 (node_exporter)"
  std::vector<std::string> peers;  ///< "anybody else by eth0", "pod shop/web"
  std::string decider;             ///< of the first of them, in the future

  friend auto operator<=>(const TurnedSocket&, const TurnedSocket&) = default;
};

struct Simulation {
  std::size_t judged = 0;    ///< connections
  std::size_t unjudged = 0;  ///< of which nobody can say
  std::vector<TurnedConnection> connections = {};
  std::size_t listening = 0;  ///< sockets
  std::vector<TurnedSocket> sockets = {};
  std::size_t visitors_left_out = 0;  ///< who may want to reach them, but was not looked at

  [[nodiscard]] bool cuts() const;
  friend bool operator==(const Simulation&, const Simulation&) = default;
};

/// Adds connections, those that would be cut first; one that was listed twice is told once.
void simulate_connections(const daemon::ConnectionJudge& before, const daemon::ConnectionJudge& after,
                          const std::vector<TrackedConnection>& connections, Simulation& simulation);

/// Somebody who may want to reach a socket of this node.
struct Visitor {
  std::string words;
  End end;
  std::optional<policy::Family> family;  ///< absent: both

  friend bool operator==(const Visitor&, const Visitor&) = default;
};

/// Everybody whom host policy may treat in a way of their own: the pods of this node, and by every interface that a
/// host endpoint governs before or after, the nets that a rule names and anybody else.
std::vector<Visitor> find_visitors(const JudgedWorld& before, const JudgedWorld& after, const std::string& node);

/// Looks at the first kMostVisitors.
void simulate_sockets(const ConnectionJudge& before, const ConnectionJudge& after,
                      const std::vector<ListeningSocket>& sockets, const std::vector<Visitor>& visitors,
                      Simulation& simulation);

inline constexpr std::size_t kMostVisitors = 500;

/// Long lists are cut short; JSON has everything.
std::string print_simulation(const Simulation& simulation, bool color);
Json to_json(const Simulation& simulation);

}  // namespace tierwall::daemon::ctl

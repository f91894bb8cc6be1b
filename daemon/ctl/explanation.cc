#include "daemon/ctl/explanation.h"

#include <fmt/format.h>

#include "daemon/ctl/host_text.h"
#include "daemon/ctl/sentence.h"
#include "daemon/ctl/side_text.h"
#include "daemon/ctl/staged_text.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Direction;
using policy::Verdict;

std::string print_sentence(const std::string& sentence, Verdict verdict, bool color) {
  const std::string lines = wrap(sentence, 0, 0);
  const std::size_t word = lines.find(':');
  return paint(lines.substr(0, word), verdict == Verdict::Allow ? Color::Green : Color::Red, color) +
         lines.substr(word);
}

}  // namespace

std::string explain_in_text(const Answer& answer, const Worlds& worlds, bool color) {
  const Connection& connection = answer.today;
  std::string text = wrap(fmt::format("{} -> {}, {}", name_with_address(connection.source),
                                      connection.to_itself ? "itself" : name_with_address(connection.destination),
                                      print_service(connection.flow)),
                          0, 2);
  for (const std::string& note : connection.notes) text += wrap("note: " + note, 0, 2);
  if (connection.to_itself) {
    text += wrap(
        "note: inside its own namespace nothing sees it; through a Service the same packet crosses the node "
        "and is judged like any flow",
        0, 2);
  }
  const PolicyView view = worlds.today().view();
  if (!connection.decisions().empty()) {
    text += "\n" + print_side(connection, view, Direction::Egress, color);
    text += print_crossing(connection, view, color);
    text += "\n" + print_side(connection, view, Direction::Ingress, color);
  }
  if (answer.staged) text += print_staged_sides(answer, worlds.staged()->view(), color);
  text += "\n" + print_sentence(summarise(connection), connection.decision.verdict, color);
  if (answer.staged) text += "\n" + compare_with_staged(answer, color);
  return text;
}

}  // namespace tierwall::daemon::ctl

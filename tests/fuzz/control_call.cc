// Calls on the control socket, one after the other, as an unprivileged caller may send them.

#include <algorithm>

#include "daemon/control/object_reader.h"
#include "daemon/control/packet_verdict.h"
#include "daemon/control/varlink.h"
#include "tests/fuzz/target.h"

namespace tierwall::fuzz {
namespace {

using daemon::Json;

daemon::VarlinkService small_service() {
  const auto echo = [](const Json& parameters, const daemon::Caller&) -> Result<Json> {
    if (const auto number = daemon::read_number_parameter(parameters, "limit"); !number) return number.error();
    const auto packet = parameters.find("packet");
    if (packet == parameters.end()) return parameters;
    const auto read = daemon::packet_from_json(*packet);
    return read ? Json{{"packet", parameters["packet"]}} : Result<Json>(read.error());
  };
  return {.version = "1",
          .methods = {{"GetStatus", {"status", [] { return Json::object(); }}}},
          .actions = {{"Echo", {.parameters = {"limit", "packet", "text"}, .answer = echo}},
                      {"Apply", {.parameters = {}, .changes = true, .answer = echo}}}};
}

}  // namespace

void control_call(Bytes input) {
  static const daemon::VarlinkService service = small_service();
  for (std::string_view text = text_of(input); !text.empty();) {
    const std::size_t end = std::min(text.find('\0'), text.size());
    const Result<daemon::VarlinkCall> call = daemon::parse_call(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!call) continue;
    const auto reply = daemon::respond(service, *call);
    require(reply.has_value() != call->oneway, "a call has one reply or wants none");
    require(!reply || reply->find('\0') + 1 == reply->size(), "a reply ends at its zero byte");
  }
}

}  // namespace tierwall::fuzz

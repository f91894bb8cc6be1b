#include "daemon/ctl/bundle_command.h"

#include <sys/utsname.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <ostream>
#include <sstream>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "daemon/build_info.h"
#include "daemon/control/object_list.h"
#include "daemon/ctl/archive.h"
#include "daemon/ctl/doctor_command.h"
#include "daemon/ctl/history_door.h"
#include "daemon/ctl/terminal.h"
#include "daemon/sources/load_world.h"
#include "nft/print.h"
#include "policy/resolve.h"

namespace tierwall::daemon::ctl {

namespace {

constexpr std::string_view kBundleVerb = "bundle";

std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<std::string> ask_daemon_for(const NodeDoors& doors, const char* method, const Json& parameters) {
  const Result<Json> reply = call(doors.socket, method, parameters);
  if (!reply) return reply.error();
  return dump(*reply);
}

struct ClosePipe {
  void operator()(FILE* pipe) const { pclose(pipe); }
};

/// What a program of the system prints; of endless output the beginning.
Result<std::string> run_program(const char* command) {
  constexpr std::size_t kMostBytes = 8u << 20;
  const std::unique_ptr<FILE, ClosePipe> pipe(popen(command, "re"));  // NOLINT(cert-env33-c): the words are ours
  if (!pipe) return Error{ErrorKind::Unavailable, "no process can be started"};
  std::string output;
  std::vector<char> room(64 * 1024);
  while (output.size() < kMostBytes) {
    const std::size_t length = std::fread(room.data(), 1, room.size(), pipe.get());
    if (length == 0) break;
    output.append(room.data(), length);
  }
  return output;
}

std::string describe_machine() {
  utsname names{};
  uname(&names);
  return fmt::format("{} {} {} {}\n", names.sysname, names.release, names.version, names.machine);
}

/// Policy as it was written. Pods and other objects stay out: what they carry is nobody's business.
bool is_policy(policy::Kind kind) {
  return kind >= policy::Kind::HostEndpoint;
}

Result<std::string> list_policy_objects(const NodeDoors& doors) {
  std::string lines;
  std::uint64_t from = 0;
  do {
    const Result<Json> reply = call(doors.socket, "ListObjects", {{"from", from}});
    if (!reply) return reply.error();
    const Result<ObjectPage> page = object_page_from_json(reply->value("page", Json()));
    if (!page) return page.error();
    for (const RememberedObject& object : page->objects) {
      if (is_policy(object.id.key.kind))
        lines += fmt::format("# {}\n{}\n", policy::print_key(object.id.key), object.document);
    }
    from = page->next;
  } while (from != 0);
  return lines;
}

Result<std::string> compile_desired(const NodeDoors& doors) {
  const Result<NodeWorld> world = read_node_world(doors);
  if (!world) return world.error();
  const NodeSettings& settings = world->facts.settings;
  const policy::NodePolicy policy =
      policy::resolve(world->snapshot(), policy::Scope{.node = settings.node}, settings.tie_break);
  const Result<nft::CompiledTable> table = nft::compile_table(policy, compile_options(settings, world->snapshot()));
  if (!table) return table.error();
  return nft::print(table->ruleset);
}

std::string look_over(const NodeDoors& doors, const Context& context) {
  std::ostringstream found;
  const Context aside{context.in, found, found, context.environment};
  doctor_command({.doors = doors, .all = true}, aside);
  return found.str();
}

Result<std::string> list_history(const NodeDoors& doors) {
  HistoryDoor door{.socket = doors.socket};
  if (!doors.state.empty()) door.state = doors.state;
  const auto rows = list_generations(door, 1'000);
  if (!rows) return rows.error();
  Json all = Json::array();
  for (const HistoryRow& row : *rows) all.push_back(to_json(row));
  return dump(all);
}

struct Part {
  const char* name;
  std::function<Result<std::string>()> read;
};

std::vector<Part> parts(const BundleOptions& options, const Context& context) {
  const NodeDoors& doors = options.doors;
  const auto asked = [&doors](const char* name, const char* method, const Json& parameters = Json::object()) {
    return Part{name, [&doors, method, parameters] { return ask_daemon_for(doors, method, parameters); }};
  };
  const auto file = [](const char* name, const std::string& path) {
    return Part{name, [path] { return read_file(path); }};
  };
  const auto program = [](const char* name, const char* command) {
    return Part{name, [command] { return run_program(command); }};
  };
  return {
      {"version.txt", []() -> Result<std::string> { return version_text("tierwall") + "\n"; }},
      {"machine.txt", []() -> Result<std::string> { return describe_machine(); }},
      file("os-release", "/etc/os-release"),
      {"tierwall.toml", [&doors] { return read_file(doors.config); }},
      asked("status.json", "GetStatus"),
      asked("facts.json", "GetFacts"),
      asked("tiers.json", "ListTiers"),
      asked("policies.json", "ListPolicies"),
      asked("endpoints.json", "ListEndpoints"),
      asked("hostendpoints.json", "ListHostEndpoints"),
      asked("failsafes.json", "ListFailsafes"),
      asked("sets.json", "ListSets"),
      asked("hits.json", "ListHits"),
      asked("drops.json", "ListDrops", {{"limit", 1'000}}),
      asked("metrics.json", "GetMetrics"),
      {"history.json", [&doors] { return list_history(doors); }},
      {"policy.txt", [&doors] { return list_policy_objects(doors); }},
      {"desired.nft", [&doors] { return compile_desired(doors); }},
      {"doctor.txt", [&doors, &context]() -> Result<std::string> { return look_over(doors, context); }},
      program("ruleset.nft", "nft list ruleset 2>&1"),
      program("journal.txt", "journalctl --no-pager -o short-iso -n 5000 -u tierwalld -u tierwall-restore 2>&1"),
  };
}

/// What cannot be had is said in a text of its own.
std::vector<ArchivedText> gather(const BundleOptions& options, const Context& context) {
  std::vector<ArchivedText> texts;
  std::string missing;
  for (const Part& part : parts(options, context)) {
    Result<std::string> text = part.read();
    if (text) {
      texts.push_back({part.name, *std::move(text)});
    } else {
      missing += fmt::format("{}: {}\n", part.name, text.error().message);
    }
  }
  if (!missing.empty()) texts.push_back({"missing.txt", missing});
  return texts;
}

std::string default_folder(const Context& context) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("tierwall-bundle-{}-{:%Y%m%dT%H%M%SZ}", context.environment.host_name,
                     fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
}

}  // namespace

int bundle_command(const BundleOptions& options, const Context& context) {
  const std::string folder = default_folder(context);
  const std::string path = options.path.empty() ? folder + ".tar.gz" : options.path;
  if (context.environment.out_is_terminal) context.err << "tierwall bundle: gathering\n" << std::flush;
  const std::vector<ArchivedText> texts = gather(options, context);
  if (const Result<void> written = write_archive(path, folder, texts); !written) {
    print_failure(context, kBundleVerb, written.error().message);
    return exit_code::kRefused;
  }
  if (options.output == Output::Json) {
    Json files = Json::array();
    for (const ArchivedText& text : texts) files.push_back({{"name", text.name}, {"bytes", text.content.size()}});
    context.out << dump({{"path", path}, {"files", std::move(files)}});
    return exit_code::kOk;
  }
  Columns columns(2);
  for (const ArchivedText& text : texts) columns.add({text.name, count(text.content.size(), "byte")});
  context.out << fmt::format("written: {}, for you alone to read\n{}", path, columns.print())
              << "It has no credentials, but names pods, addresses and policies: look at it before you send it.\n";
  return exit_code::kOk;
}

}  // namespace tierwall::daemon::ctl

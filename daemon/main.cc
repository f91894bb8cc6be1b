// tierwalld: reads its configuration, opens its doors to the outside, and runs the loop. Exit codes: 0 stopped on
// request, 1 cannot run, 2 usage or configuration errors.

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include "daemon/build_info.h"
#include "daemon/config.h"
#include "daemon/connections/netlink_connections.h"
#include "daemon/flush.h"
#include "daemon/memory.h"
#include "daemon/restore.h"
#include "daemon/sources/netlink_interfaces.h"
#include "daemon/state/boot_id.h"
#include "daemon/state/open_state.h"
#include "daemon/table_lock.h"
#include "daemon/wiring.h"
#include "nft/netlink_tables.h"
#include "nft/table_counters.h"
#include "nft/table_notices.h"
#include "systemd/journal.h"

namespace {

using namespace tierwall;

constexpr int kExitUsage = 2;

struct Options {
  daemon::ConfigFile config;
  bool check_only = false;
  bool restore = false;
  bool flush = false;
};

/// Absent when there is nothing left to do: the exit code is in `exit_code` then.
std::optional<Options> parse_options(int argc, char** argv, int& exit_code) {
  Options options;
  CLI::App parser("Tierwall: keeps the policy of a Kubernetes node in nftables.", "tierwalld");
  CLI::Option* config = parser.add_option("--config", options.config.path, "Configuration file (TOML)")
                            ->type_name("FILE")
                            ->capture_default_str();
  parser.add_flag("--check-config", options.check_only, "Check the configuration file and exit");
  const CLI::App* restore = parser.add_subcommand(
      "restore", "Put the last known policy into the kernel before the network comes up, and exit");
  const CLI::App* flush = parser.add_subcommand("flush", "Delete the table of a daemon that was stopped, and exit");
  parser.set_version_flag("--version", daemon::version_text("tierwalld"));
  try {
    parser.parse(argc, argv);
  } catch (const CLI::ParseError& failure) {
    exit_code = parser.exit(failure) == 0 ? EXIT_SUCCESS : kExitUsage;
    return std::nullopt;
  }
  options.config.may_be_missing = config->count() == 0;
  options.restore = restore->parsed();
  options.flush = flush->parsed();
  return options;
}

int fail(const Error& error) {
  std::fprintf(stderr, "tierwalld: %s\n", error.message.c_str());
  return EXIT_FAILURE;
}

int restore(const daemon::Config& config, const std::string& boot_id, nft::KernelTables& tables,
            systemd::JournalSink& journal) {
  const daemon::SystemClock clock;
  const daemon::OpenedState state = daemon::open_state({.path = config.state_file}, clock);
  daemon::Memory memory(*state.store, clock, boot_id);
  Result<daemon::Restored> remembered = memory.restore();
  const auto pending = state.store->pending();
  const bool undone = remembered && pending && *pending && config.directory;
  if (undone) remembered = daemon::without_change(*std::move(remembered), **pending, *config.directory);
  const daemon::RestorePlan plan = daemon::plan_restore(remembered, config);
  if (plan.table) {
    if (const Result<void> written = daemon::put_in_force(*plan.table, tables); !written) return fail(written.error());
  }
  journal.record({.level = plan.complete ? systemd::Level::Notice : systemd::Level::Warning,
                  .id = systemd::message::kRestored,
                  .message = (plan.table ? "restored: " : "nothing was restored: ") + plan.what +
                             (undone ? ", without a change that nobody has confirmed" : ""),
                  .fields = {},
                  .errno_value = 0});
  return EXIT_SUCCESS;
}

/// Works whatever the configuration says: what is removed may be broken.
int flush() {
  const Result<daemon::TableLock> lock = daemon::TableLock::take();
  if (!lock && lock.error().kind == ErrorKind::Conflict) return fail(lock.error().in("stop it first"));
  const Result<std::unique_ptr<nft::NetlinkTables>> tables = nft::NetlinkTables::open();
  if (!tables) return fail(tables.error());
  const Result<bool> deleted = daemon::flush(**tables);
  if (!deleted) return fail(deleted.error());
  std::printf("%s\n", *deleted ? "deleted: table inet tierwall" : "there is no table inet tierwall");
  return EXIT_SUCCESS;
}

/// Without it the daemon runs nevertheless: only foreign changes go unnoticed.
Result<std::unique_ptr<nft::TableNotices>> listen_to_table(std::uint32_t own_port) {
  Result<std::unique_ptr<nft::NetlinkTableNotices>> notices = nft::NetlinkTableNotices::open(own_port);
  if (!notices) return notices.error();
  return std::unique_ptr<nft::TableNotices>(std::move(*notices));
}

/// Likewise: what is denied is denied without anybody knowing.
Result<std::unique_ptr<daemon::DeniedPackets>> listen_to_denied(const nft::DeniedLog& drops,
                                                                nft::NetlinkTables& tables) {
  if (drops.per_second == 0) return Error{ErrorKind::Unsupported, "drops.per_second = 0"};
  if (const Result<void> can = tables.can_tell(drops); !can) return can.error();
  auto packets = daemon::NetlinkDeniedPackets::open(drops.group);
  if (!packets) return packets.error();
  return std::unique_ptr<daemon::DeniedPackets>(*std::move(packets));
}

int run(const Options& options, daemon::Config config) {
  const Result<daemon::TableLock> lock = daemon::TableLock::take();
  if (!lock && lock.error().kind == ErrorKind::Conflict) return fail(lock.error());
  if (!lock) std::fprintf(stderr, "tierwalld: %s; going on without it\n", lock.error().message.c_str());
  Result<std::unique_ptr<nft::NetlinkTables>> tables = nft::NetlinkTables::open();
  if (!tables) return fail(tables.error());
  const Result<std::string> boot_id = daemon::read_boot_id();
  if (!boot_id) return fail(boot_id.error());
  systemd::SystemJournal journal;
  if (options.restore) return restore(config, *boot_id, **tables, journal);
  Result<std::unique_ptr<daemon::NetlinkInterfaces>> interfaces = daemon::NetlinkInterfaces::open();
  if (!interfaces) return fail(interfaces.error());
  const auto counters = nft::NetlinkTableCounters::open();
  if (!counters) return fail(counters.error());
  auto denied = listen_to_denied(config.drops, **tables);
  daemon::NetlinkConnections connections;
  daemon::Daemon daemon(options.config, std::move(config), *boot_id,
                        {.tables = **tables,
                         .table_notices = listen_to_table((*tables)->port()),
                         .denied_packets = std::move(denied),
                         .counters = **counters,
                         .interfaces = **interfaces,
                         .connections = connections,
                         .journal = journal});
  if (const Result<void> started = daemon.start(); !started) return fail(started.error());
  return daemon.run();
}

}  // namespace

int main(int argc, char** argv) {
  // A reader of standard error that went away must not end the daemon.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    int exit_code = EXIT_SUCCESS;
    const std::optional<Options> options = parse_options(argc, argv, exit_code);
    if (!options) return exit_code;
    if (options->flush) return flush();
    daemon::ConfigReading reading = daemon::load_config(options->config.path, options->config.may_be_missing);
    for (const policy::Diagnostic& error : reading.errors) {
      std::fprintf(stderr, "%s\n", daemon::print_config_error(error).c_str());
    }
    if (!reading.ok()) return kExitUsage;
    return options->check_only ? EXIT_SUCCESS : run(*options, std::move(reading.config));
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "tierwalld: %s\n", failure.what());
    return EXIT_FAILURE;
  }
}

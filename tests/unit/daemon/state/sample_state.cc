#include "tests/unit/daemon/state/sample_state.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

namespace tierwall::daemon {

ObjectId pod_id(const std::string& name, const std::string& source) {
  return {.source = source, .key = {.kind = policy::Kind::Pod, .ns = "shop", .name = name}};
}

RememberedObject pod(const std::string& name, const std::string& version) {
  return {.id = pod_id(name),
          .resource_version = version,
          .document = R"({"kind":"Pod","metadata":{"name":")" + name + R"(","resourceVersion":")" + version + R"("}})",
          .where = {},
          .boot_id = kThisBoot};
}

RememberedObject host_policy(const std::string& name) {
  return {.id = {.source = "directory", .key = {.kind = policy::Kind::GlobalNetworkPolicy, .ns = "", .name = name}},
          .resource_version = "",
          .document = "kind: GlobalNetworkPolicy\nmetadata: {name: " + name + "}\n",
          .where = {.file = "/etc/tierwall/policy.d/host.yaml", .line = 12, .column = 3},
          .boot_id = kThisBoot};
}

Generation make_generation(std::uint64_t number) {
  return {.number = number,
          .time = std::chrono::seconds(1'700'000'000 + number),
          .summary = {.endpoints = 3, .policies = number, .sets = 5, .rules = 40, .chains = 8},
          .fingerprint = "fingerprint-" + std::to_string(number),
          .changes = {{.id = pod_id("web"), .change = ObjectChange::Change::Upsert, .resource_version = "7"}},
          .changes_left_out = 0};
}

StateChange pod_change(std::uint64_t number, const std::string& name) {
  return {.removals = {},
          .upserts = {pod(name, std::to_string(number))},
          .facts = {{kFactBootId, kThisBoot}},
          .generation = make_generation(number)};
}

std::vector<std::uint64_t> numbers_of(const std::vector<Generation>& generations) {
  std::vector<std::uint64_t> numbers;
  for (const Generation& generation : generations) numbers.push_back(generation.number);
  return numbers;
}

std::unique_ptr<StateStore> open_cleanly(const StateOptions& options) {
  OpenedState opened = open_state(options, test::FakeClock());
  EXPECT_EQ(opened.remarks, std::vector<std::string>());
  EXPECT_EQ(opened.refusal ? opened.refusal->message : "", "");
  return std::move(opened.store);
}

std::string run_sql(const std::string& path, const std::string& sql) {
  sqlite3* connection = nullptr;
  std::string said;
  if (sqlite3_open(path.c_str(), &connection) != SQLITE_OK ||
      sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    said = sqlite3_errmsg(connection);
  sqlite3_close(connection);
  return said;
}

std::string ask_sql(const std::string& path, const std::string& sql) {
  sqlite3* connection = nullptr;
  sqlite3_stmt* statement = nullptr;
  std::string answer = "no answer";
  if (sqlite3_open(path.c_str(), &connection) == SQLITE_OK &&
      sqlite3_prepare_v2(connection, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW) {
    const unsigned char* text = sqlite3_column_text(statement, 0);
    answer = text == nullptr ? std::string("null") : std::string(text, text + sqlite3_column_bytes(statement, 0));
  }
  sqlite3_finalize(statement);
  sqlite3_close(connection);
  return answer;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

}  // namespace tierwall::daemon

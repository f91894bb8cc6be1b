#pragma once
// The form of the database, as numbered steps from nothing to what this version knows.

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/state/database.h"
#include "policy/result.h"

namespace tierwall::daemon {

/// "Twal", in the header of the file: `file` and SQLite's own tools show it.
inline constexpr std::int64_t kApplicationId = 0x5477616c;

/// Step n leads from version n - 1 to n. Steps that were shipped are never changed.
using Migrations = std::vector<std::string>;

const Migrations& state_migrations();
/// What state_migrations() leads to; the user_version of the file.
std::int64_t schema_version();

/// Does the steps that are missing, each in a transaction of its own: a step that fails leaves the version before it.
Result<void> migrate(Database& database, const Migrations& migrations);

/// Malformed if the tables are not what state_migrations() makes. Pre: nothing is left to migrate.
Result<void> check_tables(Database& database);
/// Nothing was ever stored in it. Its making may have been interrupted.
Result<bool> is_blank(Database& database);
/// Malformed, with the reason, if this is not ours, of a newer version, or structurally damaged.
Result<void> check_file(Database& database);
/// The first two of these: cheap.
Result<void> check_identity(Database& database);

}  // namespace tierwall::daemon

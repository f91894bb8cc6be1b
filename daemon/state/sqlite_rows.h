#pragma once
// The values of the store as rows, and back: one pair of functions per table, in the order of its columns.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "daemon/state/database.h"
#include "daemon/state/state_store.h"

namespace tierwall::daemon {

/// What is written: every column of a row in the order bind_ and read_ use.
inline constexpr const char* kObjectColumns =
    "source, kind, namespace, name, boot, resource_version, file, line_number, column_number, document, checksum";
inline constexpr const char* kGenerationColumns =
    "number, time_ms, endpoints, policies, sets, rules, chains, fingerprint, changes_left_out, checksum";
inline constexpr const char* kChangeColumns =
    "generation, position, source, kind, namespace, name, gone, resource_version, checksum";
inline constexpr const char* kFactColumns = "name, value, checksum";
inline constexpr const char* kCounterColumns = "name, packets, bytes, last_hit_ms, checksum";

inline constexpr const char* kDropColumns = "number, document, checksum";

inline constexpr const char* kContentColumns = "hash, content, checksum";
inline constexpr const char* kVersionColumns = "number, generation, time_ms, cause, uid, kept, checksum";
inline constexpr const char* kVersionFileColumns = "version, name, content, checksum";
inline constexpr const char* kPendingColumns =
    "id, waits, given_ms, deadline_ms, deadline_us, boot, generation, since_ms, uid, checksum";
inline constexpr const char* kPendingFileColumns = "name, present, content, checksum";

/// SELECT of these columns FROM the rest.
std::string select(const char* columns, const char* rest);
/// INSERT of a row; `conflict` says what happens where its key is taken: "", "OR REPLACE".
std::string insert(const char* table, const char* columns, const char* conflict);

void bind_id(Run& run, const ObjectId& id);
void bind_object(Run& run, const RememberedObject& object);
void bind_generation(Run& run, const Generation& generation);
void bind_change(Run& run, const Generation& generation, std::size_t position);
void bind_fact(Run& run, const std::string& name, const std::string& value);
void bind_counter(Run& run, const std::string& name, const Counter& counter);

void bind_version(Run& run, const FileVersion& version);
void bind_pending(Run& run, const PendingChange& change);
void bind_pending_file(Run& run, const std::string& name, const std::optional<std::string>& content);

/// Absent: of a kind that this version does not know.
std::optional<RememberedObject> read_object(const Run& run);
std::optional<ObjectChange> read_change(const Run& run);
Generation read_generation(const Run& run);  ///< without its changes
Counter read_counter(const Run& run);
FileVersion read_version(const Run& run);
PendingChange read_pending(const Run& run);  ///< without its files
/// "KIND NAMESPACE/NAME" of a row of `objects`.
std::string read_object_name(const Run& run);

}  // namespace tierwall::daemon

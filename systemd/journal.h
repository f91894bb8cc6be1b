#pragma once
// Structured log records and the door they leave through. A record is a sentence (lower case, no trailing dot) plus
// fields from one table. Implementations: SystemJournal here, FakeJournal in tests.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "systemd/message_ids.h"

namespace tierwall::systemd {

/// syslog levels, as the journal numbers them. Error: protection is not as requested. Warning: an operator should look.
/// Notice: the state machine moved. Info: one record per commit. Debug: everything else.
enum class Level : int { Error = 3, Warning = 4, Notice = 5, Info = 6, Debug = 7 };

/// Fields of our own; the journal's fields (MESSAGE, PRIORITY, MESSAGE_ID, ERRNO, CODE_*) come from Record itself.
enum class Field {
  Generation,
  Source,
  Resource,
  Tier,
  Policy,
  Endpoint,
  Table,
  Chain,
  Set,
  Operation,
  ErrorKind,
  DurationUs,
  Changes,
};

inline constexpr std::array<std::string_view, 13> kFieldNames = {
    "TIERWALL_GENERATION", "TIERWALL_SOURCE",      "TIERWALL_RESOURCE", "TIERWALL_TIER", "TIERWALL_POLICY",
    "TIERWALL_ENDPOINT",   "TIERWALL_TABLE",       "TIERWALL_CHAIN",    "TIERWALL_SET",  "TIERWALL_OPERATION",
    "TIERWALL_ERROR_KIND", "TIERWALL_DURATION_US", "TIERWALL_CHANGES",
};
static_assert(kFieldNames.size() == static_cast<std::size_t>(Field::Changes) + 1);

struct FieldValue {
  Field field = Field::Source;
  std::string value;

  friend bool operator==(const FieldValue&, const FieldValue&) = default;
};

struct Record {
  Level level = Level::Info;
  MessageId id;
  std::string message;
  std::vector<FieldValue> fields;
  int errno_value = 0;  ///< 0 when no system call failed

  friend bool operator==(const Record&, const Record&) = default;
};

struct CodeLocation {
  const char* file = "";
  int line = 0;
  const char* function = "";
};

/// Where records go. Writing never fails in a way the caller could act on.
class JournalSink {
 public:
  virtual ~JournalSink() = default;

  void record(const Record& record, const char* file = __builtin_FILE(), int line = __builtin_LINE(),
              const char* function = __builtin_FUNCTION()) {
    write(record, {file, line, function});
  }

 private:
  virtual void write(const Record& record, const CodeLocation& where) = 0;
};

/// The record in the journal's own form: one FIELD=VALUE each.
std::vector<std::string> to_journal_fields(const Record& record, const CodeLocation& where);
/// The record for people: "warning: MESSAGE (operation: ..., errno: ...)".
std::string print_record(const Record& record);

/// Writes to journald. Where there is none (a container, a rescue shell) records become lines on standard error, and
/// somebody who starts the daemon on a terminal sees them there as well.
class SystemJournal final : public JournalSink {
 public:
  SystemJournal();

 private:
  void write(const Record& record, const CodeLocation& where) override;

  bool to_journald_;
  bool to_standard_error_;
};

}  // namespace tierwall::systemd

#include "systemd/journal.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>

#include <sys/uio.h>
#include <unistd.h>

// The locations of records are those of record()'s callers, not of this file.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

namespace tierwall::systemd {

namespace {

constexpr const char* kJournaldSocket = "/run/systemd/journal/socket";

std::string_view print_level(Level level) {
  switch (level) {
    case Level::Error:
      return "error";
    case Level::Warning:
      return "warning";
    case Level::Notice:
      return "notice";
    case Level::Info:
      return "info";
    case Level::Debug:
      return "debug";
  }
  return "unknown";
}

/// TIERWALL_DURATION_US -> "duration us".
std::string readable_name(Field field) {
  std::string_view name = kFieldNames[static_cast<std::size_t>(field)];
  name.remove_prefix(std::string_view("TIERWALL_").size());
  std::string readable;
  for (const char letter : name) {
    readable += letter == '_' ? ' ' : static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  return readable;
}

}  // namespace

std::vector<std::string> to_journal_fields(const Record& record, const CodeLocation& where) {
  std::vector<std::string> fields = {
      "MESSAGE=" + record.message,
      "PRIORITY=" + std::to_string(static_cast<int>(record.level)),
      "MESSAGE_ID=" + std::string(record.id.text),
      "SYSLOG_IDENTIFIER=tierwalld",
      std::string("CODE_FILE=") + where.file,
      "CODE_LINE=" + std::to_string(where.line),
      std::string("CODE_FUNC=") + where.function,
  };
  if (record.errno_value != 0) fields.push_back("ERRNO=" + std::to_string(record.errno_value));
  for (const FieldValue& field : record.fields) {
    fields.push_back(std::string(kFieldNames[static_cast<std::size_t>(field.field)]) + "=" + field.value);
  }
  return fields;
}

std::string print_record(const Record& record) {
  std::string line = std::string(print_level(record.level)) + ": " + record.message;
  std::string details;
  for (const FieldValue& field : record.fields) {
    details += (details.empty() ? "" : ", ") + readable_name(field.field) + ": " + field.value;
  }
  if (record.errno_value != 0) {
    details += (details.empty() ? "errno: " : ", errno: ") + std::to_string(record.errno_value);
  }
  return details.empty() ? line : line + " (" + details + ")";
}

SystemJournal::SystemJournal()
    : to_journald_(access(kJournaldSocket, W_OK) == 0),
      to_standard_error_(!to_journald_ || isatty(STDERR_FILENO) == 1) {}

void SystemJournal::write(const Record& record, const CodeLocation& where) {
  if (to_standard_error_ && record.level < Level::Debug) {
    std::fprintf(stderr, "tierwalld: %s\n", print_record(record).c_str());
  }
  if (!to_journald_) return;
  std::vector<std::string> fields = to_journal_fields(record, where);
  std::vector<iovec> parts;
  parts.reserve(fields.size());
  std::transform(fields.begin(), fields.end(), std::back_inserter(parts), [](std::string& field) {
    return iovec{field.data(), field.size()};
  });
  sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

}  // namespace tierwall::systemd

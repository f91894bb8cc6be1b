#include "daemon/ctl/archive.h"

#include <fcntl.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>

#include <fmt/format.h>

namespace tierwall::daemon::ctl {

namespace {

struct FreeArchive {
  void operator()(archive* of) const { archive_write_free(of); }
};
using ArchiveWriter = std::unique_ptr<archive, FreeArchive>;

struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

Error system_error(const std::string& path, int number) {
  const ErrorKind kind = number == EEXIST                       ? ErrorKind::Conflict
                         : number == EACCES || number == EPERM  ? ErrorKind::Denied
                         : number == ENOSPC || number == EDQUOT ? ErrorKind::Exhausted
                                                                : ErrorKind::Unavailable;
  return {kind, fmt::format("{}: {}", path, std::strerror(number)), number};
}

bool add_text(archive* to, const std::string& name, const std::string& content) {
  const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0600);
  archive_entry_set_mtime(entry.get(), std::time(nullptr), 0);
  return archive_write_header(to, entry.get()) == ARCHIVE_OK &&
         archive_write_data(to, content.data(), content.size()) == static_cast<la_ssize_t>(content.size());
}

/// False: errno of the archive says why.
bool write_all(archive* to, int file, const std::string& folder, const std::vector<ArchivedText>& texts) {
  if (archive_write_add_filter_gzip(to) != ARCHIVE_OK || archive_write_set_format_pax_restricted(to) != ARCHIVE_OK)
    return false;
  if (archive_write_open_fd(to, file) != ARCHIVE_OK) return false;
  for (const ArchivedText& text : texts) {
    if (!add_text(to, folder + "/" + text.name, text.content)) return false;
  }
  return archive_write_close(to) == ARCHIVE_OK;
}

}  // namespace

Result<void> write_archive(const std::string& path, const std::string& folder, const std::vector<ArchivedText>& texts) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return system_error(path, errno);
  const ArchiveWriter writer(archive_write_new());
  const bool written = write_all(writer.get(), file, folder, texts);
  const int trouble = written ? 0 : archive_errno(writer.get());
  const bool closed = close(file) == 0;
  if (written && closed) return {};
  const Error error = system_error(path, written ? errno : trouble);
  unlink(path.c_str());
  return error;
}

}  // namespace tierwall::daemon::ctl

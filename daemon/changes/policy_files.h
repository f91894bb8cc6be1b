#pragma once
// The door to the files of the policy directory, for whoever changes them. Reading policy out of them is
// PolicyDirectory's business.

#include <string>

#include "daemon/state/file_history.h"
#include "policy/result.h"

namespace tierwall::daemon {

class PolicyFiles {
 public:
  virtual ~PolicyFiles() = default;

  /// Every manifest. NotFound, Denied or Unavailable if one or the directory cannot be read.
  virtual Result<FileContents> read() = 0;
  /// Writes and removes files. Nothing is visible before everything is safely on the disk; an error until then (disk
  /// full, read-only, a link or a folder in the place of a file) leaves all as it was. Durable when it returns.
  virtual Result<void> replace(const FileChanges& changes) = 0;
  /// As it stands in locations of objects.
  [[nodiscard]] virtual std::string path_of(const std::string& name) const = 0;
};

/// May a file of the policy directory have this name, and is it read as a manifest? Malformed with the reason if not.
Result<void> check_file_name(const std::string& name);

class DirectoryFiles final : public PolicyFiles {
 public:
  explicit DirectoryFiles(std::string directory) : directory_(std::move(directory)) {}

  Result<FileContents> read() override;
  Result<void> replace(const FileChanges& changes) override;
  [[nodiscard]] std::string path_of(const std::string& name) const override;

 private:
  [[nodiscard]] std::string aside_of(const std::string& name) const;
  Result<void> prepare(const FileChanges& changes) const;
  Result<void> put_in_place(const FileChanges& changes) const;
  void drop_asides(const FileChanges& changes) const;

  std::string directory_;
};

}  // namespace tierwall::daemon

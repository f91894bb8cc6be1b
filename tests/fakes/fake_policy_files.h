#pragma once
// A policy directory in memory, whose disk may be full.

#include <optional>
#include <string>
#include <utility>

#include "daemon/changes/policy_files.h"

namespace tierwall::test {

class FakePolicyFiles final : public daemon::PolicyFiles {
 public:
  Result<daemon::FileContents> read() override { return files; }
  Result<void> replace(const daemon::FileChanges& changes) override {
    if (refusal) return *refusal;
    for (const auto& [name, content] : changes) {
      if (content) {
        files.insert_or_assign(name, *content);
      } else {
        files.erase(name);
      }
    }
    return {};
  }
  [[nodiscard]] std::string path_of(const std::string& name) const override { return "policy.d/" + name; }

  daemon::FileContents files;
  std::optional<Error> refusal;  ///< of every change
};

}  // namespace tierwall::test

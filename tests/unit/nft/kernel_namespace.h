#pragma once
// A network namespace of the test's own, and the nft program in it: the judge of what we print and encode.

#include <gtest/gtest.h>

#include <string>

namespace tierwall::nft {

/// May this process make network namespaces and is nft there? Tests that need the kernel skip themselves otherwise.
bool has_kernel();

/// Moves the calling thread into an empty network namespace. The former one goes when nothing uses it any more.
void enter_fresh_namespace();

struct NftRun {
  int status = 0;      ///< exit status
  std::string output;  ///< standard output, and standard error if it failed
};

NftRun run_nft(const std::string& arguments);
/// `nft [OPTION] -f` of this text.
NftRun load_with_nft(const std::string& text, const std::string& option = {});
/// `nft list table inet tierwall`.
std::string list_table();
/// Equal texts; says which lines differ.
testing::AssertionResult same_text(const std::string& seen, const std::string& expected);
/// The same listing with its sets and chains sorted, because nft lists in the order of creation.
std::string sort_blocks(const std::string& listing);

}  // namespace tierwall::nft

#pragma once
// Ruleset and ChangeSet as nft text, in one canonical order. The text of a ruleset loads with `nft -f`, and once loaded
// `nft list table inet tierwall` shows the same text (proved against nft 1.0.6 by tests/golden).

#include <string>

#include "nft/change_set.h"
#include "nft/ruleset.h"

namespace tierwall::nft {

/// table inet tierwall { ... }: counters, sets and maps by name, then chains by name, base chains last.
std::string print(const Ruleset& ruleset);
std::string print(const Rule& rule);
std::string print(const Match& match);
std::string print(const Verdict& verdict);
/// One element of this set: "10.0.0.1", "10.0.0.0/8", "10.0.0.1 . tcp . 80", with comment and verdict if it has them.
std::string print_element(const Set& set, const Element& element);
/// One nft command per line: `add chain inet tierwall in-77aa`, ...
std::string print(const ChangeSet& changes);

}  // namespace tierwall::nft

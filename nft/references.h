#pragma once
// Who in the table refers to what, counted, so that what nothing refers to any more can go with the last that did.

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "nft/ruleset.h"

namespace tierwall::nft {

/// A part of the table that others refer to by name.
struct PartName {
  enum class Kind { Chain, Set, Counter };
  Kind kind = Kind::Chain;
  std::string name;

  friend auto operator<=>(const PartName&, const PartName&) = default;
};

/// What the rules of the chain, or the elements of the set, refer to; as often as they do.
std::vector<PartName> referred_by(const Chain& chain);
std::vector<PartName> referred_by(const Set& set);

class References {
 public:
  /// What nothing in the table refers to is there for its own sake, and stays.
  explicit References(const Ruleset& ruleset);

  void add(const std::vector<PartName>& referred);
  /// Answers those that nothing refers to any more. Pre: all were added.
  std::vector<PartName> remove(const std::vector<PartName>& referred);

 private:
  std::map<PartName, std::size_t> counts_;
};

}  // namespace tierwall::nft

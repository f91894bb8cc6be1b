#pragma once
// The difference between two states of our table as an ordered list of operations: what a commit sends in one
// transaction. A value with a printer; applied to a Ruleset it gives the other Ruleset.

#include <string>
#include <variant>
#include <vector>

#include "nft/ruleset.h"

namespace tierwall::nft {

/// Whose the table is. Ours: no other process may change it, `nft flush ruleset` of others skips it, and it stays when
/// we end; then it is nobody's again (table flags `owner` and `persist`, never one without the other).
enum class TableOwner { Nobody, Us };

/// Makes the table unless it is there. A table of nobody becomes ours only when it is removed before in the same
/// transaction.
struct AddTable {
  TableOwner owner = TableOwner::Nobody;
  friend auto operator<=>(const AddTable&, const AddTable&) = default;
};
struct DeleteTable {
  friend auto operator<=>(const DeleteTable&, const DeleteTable&) = default;
};

/// Declares the set; its elements travel in AddElements. `set.elements` is empty.
struct AddSet {
  Set set;
  friend bool operator==(const AddSet&, const AddSet&) = default;
};
struct DeleteSet {
  std::string set;
  friend bool operator==(const DeleteSet&, const DeleteSet&) = default;
};
/// Elements of a set that exists or is added before. The set's shape is repeated so that encoding needs no state.
struct AddElements {
  Set set;  ///< with the elements to add
  friend bool operator==(const AddElements&, const AddElements&) = default;
};
struct DeleteElements {
  Set set;  ///< with the elements to delete
  friend bool operator==(const DeleteElements&, const DeleteElements&) = default;
};
/// Declares the chain; its rules travel in AddRule. `chain.rules` is empty.
struct AddChain {
  Chain chain;
  friend bool operator==(const AddChain&, const AddChain&) = default;
};
struct FlushChain {
  std::string chain;
  friend bool operator==(const FlushChain&, const FlushChain&) = default;
};
struct DeleteChain {
  std::string chain;
  friend bool operator==(const DeleteChain&, const DeleteChain&) = default;
};
/// Appends to the chain.
struct AddRule {
  std::string chain;
  Rule rule;
  friend bool operator==(const AddRule&, const AddRule&) = default;
};

struct AddCounter {
  Counter counter;
  friend bool operator==(const AddCounter&, const AddCounter&) = default;
};
/// What it has counted is lost, unless it was taken before.
struct DeleteCounter {
  std::string counter;
  friend bool operator==(const DeleteCounter&, const DeleteCounter&) = default;
};

using Operation = std::variant<AddTable, DeleteTable, AddSet, DeleteSet, AddElements, DeleteElements, AddChain,
                               FlushChain, DeleteChain, AddRule, AddCounter, DeleteCounter>;

struct ChangeSet {
  std::vector<Operation> operations;

  [[nodiscard]] bool empty() const { return operations.empty(); }
  friend bool operator==(const ChangeSet&, const ChangeSet&) = default;
};

/// The table itself comes or goes.
bool moves_table(const ChangeSet& changes);

/// "set src-3f9a element 10.0.0.1", "chain in-77aa rule 'tier default ...'": the subject of an error message.
std::string describe(const Operation& operation);
/// The same, but of many elements only the one with this key, which is to blame. Empty or unknown: as above.
std::string describe(const Operation& operation, const Key& blamed);

}  // namespace tierwall::nft

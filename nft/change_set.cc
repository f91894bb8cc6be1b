#include "nft/change_set.h"

#include <algorithm>
#include <utility>

#include "nft/print.h"

namespace tierwall::nft {

namespace {

using std::string;

string subject(const Set& set) {
  return (set.verdict_map ? "map " : "set ") + set.name;
}

/// Only the key: what the element is about, not what it says.
string subject_of_elements(const Set& set) {
  if (set.elements.empty()) return subject(set);
  const Element& first = set.elements.front();
  const Element key{.key = first.key, .last = first.last, .verdict = {}, .comment = {}};
  string text = subject(set) + " element " + print_element(set, key);
  const std::size_t others = set.elements.size() - 1;
  return others == 0 ? text : text + " and " + std::to_string(others) + " more";
}

struct Describe {
  string operator()(const AddTable&) const { return string("table ") + kTableName; }
  string operator()(const DeleteTable&) const { return string("removal of table ") + kTableName; }
  string operator()(const AddSet& op) const { return subject(op.set); }
  string operator()(const DeleteSet& op) const { return "removal of set " + op.set; }
  string operator()(const AddElements& op) const { return subject_of_elements(op.set); }
  string operator()(const DeleteElements& op) const { return "removal from " + subject_of_elements(op.set); }
  string operator()(const AddChain& op) const { return "chain " + op.chain.name; }
  string operator()(const FlushChain& op) const { return "rules of chain " + op.chain; }
  string operator()(const DeleteChain& op) const { return "removal of chain " + op.chain; }
  string operator()(const AddCounter& op) const { return "counter " + op.counter.name; }
  string operator()(const DeleteCounter& op) const { return "removal of counter " + op.counter; }
  string operator()(const AddRule& op) const {
    return "chain " + op.chain + " rule '" + (op.rule.comment.empty() ? print(op.rule) : op.rule.comment) + "'";
  }
};

}  // namespace

bool moves_table(const ChangeSet& changes) {
  return std::ranges::any_of(changes.operations, [](const Operation& operation) {
    return std::holds_alternative<AddTable>(operation) || std::holds_alternative<DeleteTable>(operation);
  });
}

string describe(const Operation& operation) {
  return std::visit(Describe{}, operation);
}

string describe(const Operation& operation, const Key& blamed) {
  const Set* set = nullptr;
  if (const auto* add = std::get_if<AddElements>(&operation)) set = &add->set;
  if (const auto* remove = std::get_if<DeleteElements>(&operation)) set = &remove->set;
  if (set == nullptr) return describe(operation);
  const auto found = std::ranges::find(set->elements, blamed, &Element::key);
  if (found == set->elements.end()) return describe(operation);
  Set only{.name = set->name,
           .type = set->type,
           .interval = set->interval,
           .verdict_map = set->verdict_map,
           .comment = {},
           .elements = {*found}};
  if (std::holds_alternative<AddElements>(operation)) return describe(AddElements{std::move(only)});
  return describe(DeleteElements{std::move(only)});
}

}  // namespace tierwall::nft

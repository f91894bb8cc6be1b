#include "nft/prepare_sets.h"

#include <set>
#include <string>
#include <utility>
#include <variant>

namespace tierwall::nft {

namespace {

// Never less than what encoding makes of it.
constexpr std::size_t kBytesAround = 1024;  // begin and end, headers, the names of table and set

std::size_t most_bytes_of(const Set& set) {
  return kBytesAround + set.name.size() + set.comment.size();
}

std::size_t most_bytes_of(const Element& element) {
  constexpr std::size_t kAttributes = 64;
  const std::size_t interval_end = element.last.empty() ? 0 : kAttributes + element.last.size();
  return kAttributes + element.key.size() + interval_end + element.comment.size();
}

/// Fills one part after the other.
class PartWriter {
 public:
  explicit PartWriter(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  void declare(const AddSet& op, std::size_t index) {
    const std::size_t bytes = most_bytes_of(op.set);
    make_room(bytes);
    add(op, index, bytes);
  }
  void fill(const Set& set, std::size_t index);
  std::vector<TransactionPart> finish() { return std::move(parts_); }

 private:
  void make_room(std::size_t bytes) {
    if (!parts_.empty() && bytes_ + bytes <= most_bytes_) return;
    parts_.emplace_back();
    bytes_ = kBytesAround;
  }
  void add(Operation operation, std::size_t index, std::size_t bytes) {
    parts_.back().changes.operations.push_back(std::move(operation));
    parts_.back().operation_of.push_back(index);
    bytes_ += bytes;
  }

  std::size_t most_bytes_;
  std::size_t bytes_ = 0;  // of the last part
  std::vector<TransactionPart> parts_;
};

/// As many elements as fit go into each part.
void PartWriter::fill(const Set& set, std::size_t index) {
  auto next = set.elements.begin();
  while (next != set.elements.end()) {
    Set some{.name = set.name,
             .type = set.type,
             .interval = set.interval,
             .verdict_map = set.verdict_map,
             .comment = {},
             .elements = {}};
    std::size_t bytes = most_bytes_of(set) + most_bytes_of(*next);
    make_room(bytes);
    do {
      some.elements.push_back(*next++);
      if (next != set.elements.end()) bytes += most_bytes_of(*next);
    } while (next != set.elements.end() && bytes_ + bytes <= most_bytes_);
    add(AddElements{std::move(some)}, index, bytes);
  }
}

}  // namespace

std::optional<PreparedTransaction> prepare_sets(const ChangeSet& changes, std::size_t most_bytes) {
  if (moves_table(changes)) return std::nullopt;
  PartWriter writer(most_bytes);
  PreparedTransaction prepared;
  std::set<std::string> declared;
  for (std::size_t i = 0; i < changes.operations.size(); ++i) {
    const Operation& operation = changes.operations[i];
    const auto* set = std::get_if<AddSet>(&operation);
    const auto* elements = std::get_if<AddElements>(&operation);
    if (set != nullptr && !set->set.verdict_map) {
      declared.insert(set->set.name);
      writer.declare(*set, i);
    } else if (elements != nullptr && declared.contains(elements->set.name)) {
      writer.fill(elements->set, i);
    } else {
      prepared.main.changes.operations.push_back(operation);
      prepared.main.operation_of.push_back(i);
    }
  }
  if (declared.empty()) return std::nullopt;
  prepared.sets = writer.finish();
  return prepared;
}

}  // namespace tierwall::nft

#pragma once
// A document as a tree of values: what a manifest says, before anyone asks what it means. Knows nothing of the parser
// that made it, so that YAML and JSON readers produce the same tree. Every node remembers where it was written.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tierwall::daemon {

struct Field;

struct Node {
  enum class Kind { Null, Scalar, Sequence, Map };

  Kind kind = Kind::Null;
  bool quoted = false;        ///< scalars: a string whatever its text looks like
  int line = 0;               ///< from 1
  int column = 0;             ///< from 1
  std::string text;           ///< scalars
  std::vector<Node> items;    ///< sequences
  std::vector<Field> fields;  ///< maps, in the order of the text; a key may stand twice

  Node();
  ~Node();
  Node(const Node&);
  Node(Node&&) noexcept;
  Node& operator=(const Node&);
  Node& operator=(Node&&) noexcept;

  /// The first field of that name; null if there is none or this is no map.
  [[nodiscard]] const Node* find(std::string_view key) const;
  friend bool operator==(const Node&, const Node&);
};

struct Field {
  std::string key;
  int line = 0;
  int column = 0;
  bool repeated = false;  ///< a field before it in the same map has this key
  Node value;

  Field();

  friend bool operator==(const Field&, const Field&) = default;
};

enum class ScalarType { String, Bool, Integer, Float };

/// What a scalar is, by the rules kubectl reads YAML with: YAML 1.1 words for true and false, C-like integers.
/// Pre: the node is a scalar.
ScalarType scalar_type(const Node& node);
/// Absent if the node is no scalar of that type.
std::optional<bool> to_bool(const Node& node);
std::optional<std::int64_t> to_integer(const Node& node);
/// Integers are numbers too.
std::optional<double> to_number(const Node& node);

/// "a list", "the number 80", "empty": for messages.
std::string describe(const Node& node);
/// The text in double quotes, shortened and without control characters: for messages.
std::string quote(std::string_view text);

/// Gives the whole tree one place: for text that was itself a value in another document.
void move_to(Node& node, int line, int column);

}  // namespace tierwall::daemon

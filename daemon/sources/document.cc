#include "daemon/sources/document.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "policy/result.h"

namespace tierwall::daemon {

namespace {

constexpr std::size_t kQuotedLength = 80;  // bytes of a value that a message repeats

constexpr std::string_view kTrueWords[] = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"};
constexpr std::string_view kFalseWords[] = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"};
constexpr std::string_view kSpecialFloats[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

template <std::size_t N>
bool is_one_of(std::string_view text, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), text) != std::end(words);
}

std::string_view without_sign(std::string_view text) {
  return !text.empty() && (text[0] == '+' || text[0] == '-') ? text.substr(1) : text;
}

struct Digits {
  std::string text;  // without prefix and underscores
  int base = 10;
};

/// The digits of "0x1F", "0o17", "017", "0b1" or "1_000"; empty text if it looks like none of them.
Digits split_base(std::string_view text) {
  Digits digits;
  if (text.size() > 2 && text[0] == '0') {
    const char mark = text[1];
    digits.base = mark == 'x' || mark == 'X'   ? 16
                  : mark == 'o' || mark == 'O' ? 8
                  : mark == 'b' || mark == 'B' ? 2
                                               : 10;
    if (digits.base != 10) text.remove_prefix(2);
  }
  if (digits.base == 10 && text.size() > 1 && text[0] == '0') {
    digits.base = 8;
    text.remove_prefix(1);
  }
  if (text.empty() || text[0] == '_') return {};
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits.text), [](char c) { return c != '_'; });
  return digits;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  if (text.empty() || text.size() > 70) return std::nullopt;
  Digits digits = split_base(without_sign(text));
  if (digits.text.empty()) return std::nullopt;
  if (text[0] == '-') digits.text.insert(0, "-");
  std::int64_t value = 0;
  const char* end = digits.text.data() + digits.text.size();
  const auto parsed = std::from_chars(digits.text.data(), end, value, digits.base);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

/// [digits] [. digits] [e [sign] digits], with at least one digit before the exponent.
bool looks_like_float(std::string_view text) {
  text = without_sign(text);
  if (is_one_of(text, kSpecialFloats)) return true;
  const std::size_t exponent = std::min(text.find_first_of("eE"), text.size());
  const std::string_view mantissa = text.substr(0, exponent);
  const auto is_mantissa_char = [](char c) { return is_digit(c) || c == '.'; };
  if (!std::all_of(mantissa.begin(), mantissa.end(), is_mantissa_char)) return false;
  if (std::none_of(mantissa.begin(), mantissa.end(), is_digit)) return false;
  if (std::count(mantissa.begin(), mantissa.end(), '.') > 1) return false;
  if (exponent == text.size()) return true;
  const std::string_view power = without_sign(text.substr(exponent + 1));
  return !power.empty() && std::all_of(power.begin(), power.end(), is_digit);
}

}  // namespace

Node::Node() = default;
Node::~Node() = default;
Node::Node(const Node&) = default;
Node::Node(Node&&) noexcept = default;
Node& Node::operator=(const Node&) = default;
Node& Node::operator=(Node&&) noexcept = default;

// Not in the class: what is defaulted there is zeroed as a whole before its members are made, which takes a tree
// longer.
Field::Field() = default;

// Not defaulted: clang 14 crashes on defaulted comparisons of types that contain each other.
bool operator==(const Node& left, const Node& right) {
  return left.kind == right.kind && left.quoted == right.quoted && left.line == right.line &&
         left.column == right.column && left.text == right.text && left.items == right.items &&
         left.fields == right.fields;
}

const Node* Node::find(std::string_view key) const {
  const auto field = std::find_if(fields.begin(), fields.end(), [key](const Field& f) { return f.key == key; });
  return field == fields.end() ? nullptr : &field->value;
}

ScalarType scalar_type(const Node& node) {
  TIERWALL_CHECK(node.kind == Node::Kind::Scalar);
  if (node.quoted) return ScalarType::String;
  if (is_one_of(node.text, kTrueWords) || is_one_of(node.text, kFalseWords)) return ScalarType::Bool;
  if (parse_integer(node.text)) return ScalarType::Integer;
  return looks_like_float(node.text) ? ScalarType::Float : ScalarType::String;
}

std::optional<bool> to_bool(const Node& node) {
  if (node.kind != Node::Kind::Scalar || scalar_type(node) != ScalarType::Bool) return std::nullopt;
  return is_one_of(node.text, kTrueWords);
}

std::optional<std::int64_t> to_integer(const Node& node) {
  if (node.kind != Node::Kind::Scalar || node.quoted) return std::nullopt;
  return parse_integer(node.text);
}

std::optional<double> to_number(const Node& node) {
  if (const auto integer = to_integer(node)) return static_cast<double>(*integer);
  if (node.kind != Node::Kind::Scalar || scalar_type(node) != ScalarType::Float) return std::nullopt;
  const std::string_view digits = without_sign(node.text);
  if (is_one_of(digits, kSpecialFloats)) return std::nan("");
  double value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (parsed.ec != std::errc()) return std::nan("");
  return node.text[0] == '-' ? -value : value;
}

std::string describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::Null:
      return "empty";
    case Node::Kind::Sequence:
      return "a list";
    case Node::Kind::Map:
      return "an object";
    case Node::Kind::Scalar:
      break;
  }
  switch (scalar_type(node)) {
    case ScalarType::String:
      return "the text " + quote(node.text);
    case ScalarType::Bool:
      return node.text + ", which YAML reads as " + (*to_bool(node) ? "true" : "false");
    case ScalarType::Integer:
    case ScalarType::Float:
      break;
  }
  return "the number " + node.text.substr(0, kQuotedLength);
}

std::string quote(std::string_view text) {
  std::string quoted = "\"";
  std::size_t length = std::min(text.size(), kQuotedLength);
  if (length < text.size()) {  // never cut a UTF-8 sequence in two
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0u) == 0x80u) --length;
  }
  for (const char c : text.substr(0, length)) {
    const auto byte = static_cast<unsigned char>(c);
    quoted += byte < 0x20 || byte == 0x7F ? ' ' : c;
  }
  return quoted + (length < text.size() ? "..." : "") + "\"";
}

void move_to(Node& node, int line, int column) {
  node.line = line;
  node.column = column;
  for (Node& item : node.items) move_to(item, line, column);
  for (Field& field : node.fields) {
    field.line = line;
    field.column = column;
    move_to(field.value, line, column);
  }
}

}  // namespace tierwall::daemon

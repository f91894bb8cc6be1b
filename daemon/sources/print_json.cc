#include "daemon/sources/print_json.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

constexpr auto kIsEscaped = [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; };

/// What needs no escape, which is nearly always all of it, goes as a whole.
void append_text(std::string& out, std::string_view text) {
  out += '"';
  for (;;) {
    const auto plain = static_cast<std::size_t>(std::find_if(text.begin(), text.end(), kIsEscaped) - text.begin());
    out.append(text.data(), plain);
    if (plain == text.size()) break;
    const char escaped = text[plain];
    if (escaped == '"' || escaped == '\\') {
      out += '\\';
      out += escaped;
    } else {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(escaped));
    }
    text.remove_prefix(plain + 1);
  }
  out += '"';
}

void append_scalar(std::string& out, const Node& node) {
  if (node.quoted) return append_text(out, node.text);
  if (const auto truth = to_bool(node)) {
    out += *truth ? "true" : "false";
  } else if (const auto integer = to_integer(node)) {
    out += std::to_string(*integer);
  } else if (const auto number = to_number(node); number && std::isfinite(*number)) {
    out += fmt::format("{}", *number);
  } else {
    append_text(out, node.text);
  }
}

void append(std::string& out, const Node& node) {
  const char* separator = "";
  switch (node.kind) {
    case Node::Kind::Null:
      out += "null";
      break;
    case Node::Kind::Scalar:
      append_scalar(out, node);
      break;
    case Node::Kind::Sequence:
      out += '[';
      for (const Node& item : node.items) {
        out += std::exchange(separator, ",");
        append(out, item);
      }
      out += ']';
      break;
    case Node::Kind::Map:
      out += '{';
      for (const Field& field : node.fields) {
        out += std::exchange(separator, ",");
        append_text(out, field.key);
        out += ':';
        append(out, field.value);
      }
      out += '}';
      break;
  }
}

/// Exactly, but for what is escaped and numbers that are written otherwise: documents are kept, so what grew by
/// doubling would be kept, too.
std::size_t text_size(const Node& node) {
  std::size_t size = node.text.size() + 4;  // quotes and comma, or null, or brackets
  for (const Node& item : node.items) size += text_size(item);
  for (const Field& field : node.fields) size += field.key.size() + 3 + text_size(field.value);
  return size;
}

}  // namespace

std::string print_json(const Node& node) {
  std::string out;
  out.reserve(text_size(node));
  append(out, node);
  return out;
}

}  // namespace tierwall::daemon

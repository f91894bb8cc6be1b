#include "daemon/sources/print_json.h"

#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

void append_text(std::string& out, const std::string& text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
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

}  // namespace

std::string print_json(const Node& node) {
  std::string out;
  append(out, node);
  return out;
}

}  // namespace tierwall::daemon

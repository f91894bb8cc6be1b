#include "daemon/sources/kubernetes/api_status.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

constexpr std::size_t kShownText = 200;  // bytes of an answer that is no Status

std::optional<std::uint64_t> parse_version(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

/// One line without control characters.
std::string plain(std::string_view text) {
  std::string shown(text.substr(0, kShownText));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  while (!shown.empty() && shown.back() == ' ') shown.pop_back();
  return shown;
}

}  // namespace

std::string text_field(const Node& node, std::string_view key) {
  const Node* value = node.find(key);
  return value != nullptr && value->kind == Node::Kind::Scalar ? value->text : std::string();
}

Refusal read_status(const Node& status) {
  Refusal refusal;
  if (const Node* code = status.find("code"); code != nullptr && code->kind == Node::Kind::Scalar) {
    const std::int64_t number = to_integer(*code).value_or(0);
    refusal.code = number > 0 && number < 1000 ? static_cast<int>(number) : 0;
  }
  refusal.reason = plain(text_field(status, "reason"));
  refusal.message = plain(text_field(status, "message"));
  const Node* details = status.find("details");
  const Node* wait = details == nullptr ? nullptr : details->find("retryAfterSeconds");
  if (wait != nullptr && wait->kind == Node::Kind::Scalar) {
    const std::int64_t wait_seconds = to_integer(*wait).value_or(0);
    if (wait_seconds > 0) refusal.retry_after = std::chrono::seconds(wait_seconds);
  }
  return refusal;
}

Refusal read_refusal(const HttpHead& head, std::string_view body, JsonReader& reader) {
  Refusal refusal;
  if (const auto status = reader.read(body, Projection::whole()); status) {
    refusal = read_status(*status);
  } else {
    refusal.message = plain(body);
  }
  refusal.code = head.status;
  if (head.retry_after) refusal.retry_after = head.retry_after;
  return refusal;
}

std::string print_refusal(const Refusal& refusal) {
  std::string text = fmt::format("{}", refusal.code);
  if (!refusal.reason.empty()) text += " " + refusal.reason;
  if (!refusal.message.empty()) text += ": " + refusal.message;
  return text;
}

bool is_older_version(std::string_view version, std::string_view than) {
  const auto left = parse_version(version);
  const auto right = parse_version(than);
  return left && right && *left < *right;
}

}  // namespace tierwall::daemon

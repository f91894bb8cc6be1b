// HTTP/1.1: one request after the other on a connection that stays open. Faithful to Go's server: short answers have a
// Content-Length, others are chunked, and the chunks of a watch end anywhere.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <utility>

#include "tests/fake_api/protocol.h"
#include "tests/fake_api/respond.h"

namespace tierwall::fake_api {

namespace {

constexpr std::size_t kLongestHead = 64 * 1024;  ///< and so much of a body
constexpr std::string_view kEndOfHead = "\r\n\r\n";

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return result;
}

/// "content-type" -> "Content-Type".
std::string capitalized(std::string text) {
  bool first = true;
  for (char& c : text) {
    if (first && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    first = c == '-';
  }
  return text;
}

const char* reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Unknown";
  }
}

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find("\r\n"));
  text.remove_prefix(std::min(text.size(), line.size() + 2));
  return line;
}

/// False: this is no request.
bool parse_head(std::string_view head, ApiRequest& request) {
  std::string_view line = take_line(head);
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first || !line.substr(last + 1).starts_with("HTTP/1.")) return false;
  request.method = line.substr(0, first);
  set_target(request, line.substr(first + 1, last - first - 1));
  while (!head.empty()) {
    line = take_line(head);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    request.headers[lower(line.substr(0, colon))] = value;
  }
  return true;
}

class Http1 final : public Protocol {
 public:
  explicit Http1(const Front& front) : front_(front) {}

  bool receive(std::string_view bytes) override {
    input_ += bytes;
    return input_.size() < 2 * kLongestHead;
  }

  void produce(std::string& out, Clock::time_point now) override {
    while (out.size() < kOutputLimit && !cut_ && !finished_) {
      if (responder_ == nullptr && !next_request(out)) return;
      if (!answer_ && !begin_answer(out)) return;
      if (!continue_answer(out, now)) return;
    }
  }

  [[nodiscard]] Clock::time_point due() const override {
    if (answer_) return answer_->body->due();
    return responder_ == nullptr ? Clock::time_point::max() : Clock::now() + kPatience;
  }
  [[nodiscard]] bool finished() const override { return finished_; }
  [[nodiscard]] std::optional<Cut> cut() const override { return cut_; }
  void go_away() override { closing_ = true; }

 private:
  bool next_request(std::string& out) {
    const std::size_t end = input_.find(kEndOfHead);
    if (end == std::string::npos) return false;
    ApiRequest request;
    const bool understood = parse_head(std::string_view(input_).substr(0, end + 2), request);
    const std::string length = request.header("content-length");
    std::size_t body = 0;
    std::from_chars(length.data(), length.data() + length.size(), body);
    if (understood && body < kLongestHead && input_.size() < end + kEndOfHead.size() + body) return false;
    input_.erase(0, end + kEndOfHead.size());
    request.body = input_.substr(0, body);
    input_.erase(0, body);
    if (!understood || body >= kLongestHead || !request.header("transfer-encoding").empty()) {
      out += "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
      finished_ = true;
      return false;
    }
    request.connection = front_.connection;
    request.certificate = front_.certificate;
    closing_ = closing_ || lower(request.header("connection")) == "close";
    responder_ = std::make_unique<Responder>(*front_.store, *front_.script, std::move(request));
    return true;
  }

  bool begin_answer(std::string& out) {
    answer_ = responder_->answer();
    if (!answer_) return false;
    out += "HTTP/1.1 " + std::to_string(answer_->status) + " " + reason_phrase(answer_->status) + "\r\n";
    for (const auto& [name, value] : head_of(*answer_)) out += capitalized(name) + ": " + value + "\r\n";
    if (closing_) out += "Connection: close\r\n";
    if (answer_->length) {
      out += "Content-Length: " + std::to_string(*answer_->length) + "\r\n\r\n";
    } else {
      out += "Transfer-Encoding: chunked\r\n\r\n";
    }
    return true;
  }

  /// False: nothing more for now.
  bool continue_answer(std::string& out, Clock::time_point now) {
    const bool chunked = !answer_->length.has_value();
    Piece piece = answer_->body->next(now);
    append(out, piece.bytes, chunked);
    if (piece.cut) {
      const bool of_stream = *piece.cut == Cut::StreamError || *piece.cut == Cut::QuietReset;
      cut_ = of_stream ? Cut::Fin : *piece.cut;
      return false;
    }
    if (!piece.end) return !piece.bytes.empty();
    if (chunked) out += "0\r\n\r\n";
    answer_.reset();
    responder_.reset();
    finished_ = closing_;
    return true;
  }

  void append(std::string& out, std::string_view bytes, bool chunked) {
    if (!chunked) {
      out += bytes;
      return;
    }
    const std::size_t largest = std::max<std::size_t>(front_.script->behaviour().chunk_bytes, 1);
    while (!bytes.empty()) {
      const std::string_view chunk = bytes.substr(0, largest);
      std::array<char, 24> size{};
      const int digits = std::snprintf(size.data(), size.size(), "%zx\r\n", chunk.size());
      out.append(size.data(), static_cast<std::size_t>(digits));
      out += chunk;
      out += "\r\n";
      bytes.remove_prefix(chunk.size());
    }
  }

  Front front_;
  std::string input_;
  std::unique_ptr<Responder> responder_;
  std::optional<Answer> answer_;
  bool closing_ = false;  ///< after this answer
  bool finished_ = false;
  std::optional<Cut> cut_;
};

}  // namespace

std::unique_ptr<Protocol> make_http1(const Front& front) {
  return std::make_unique<Http1>(front);
}

std::map<std::string, std::string> head_of(const Answer& answer) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 64> date{};
  std::strftime(date.data(), date.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  std::map<std::string, std::string> head{
      {"audit-id", "401e4437-3961-42c5-8715-342956efa6c9"},
      {"cache-control", "no-cache, private"},
      {"content-type", answer.content_type},
      {"date", date.data()},
      {"x-kubernetes-pf-flowschema-uid", "4bf4e22a-d954-404e-926d-0cb5603c9d23"},
      {"x-kubernetes-pf-prioritylevel-uid", "b6671f4b-82a0-405d-9934-670bd37e3d66"}};
  for (const auto& [name, value] : answer.headers) head[lower(name)] = value;
  return head;
}

}  // namespace tierwall::fake_api

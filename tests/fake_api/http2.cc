// HTTP/2 through nghttp2: every request is a stream of one connection, and watches flow beside each other.

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "tests/fake_api/protocol.h"
#include "tests/fake_api/respond.h"

namespace tierwall::fake_api {

namespace {

constexpr std::uint32_t kMostStreams = 100;  ///< what kube-apiserver allows since the rapid reset attacks
constexpr std::size_t kStreamBuffer = 32 * 1024;
/// Between the warning and the final GOAWAY, for requests that crossed the warning. Go waits a second.
constexpr std::chrono::milliseconds kGoAwayDelay{200};

struct Stream {
  ApiRequest request;
  bool complete = false;  ///< the request
  std::unique_ptr<Responder> responder;
  std::optional<Answer> answer;
  std::string buffer;
  bool ended = false;
  std::optional<Cut> cut;
  bool deferred = false;  ///< nghttp2 waits to be told that there is something
};

nghttp2_nv header(const std::string& name, const std::string& value) {
  // nghttp2 copies both: the constness is given up for its signature only.
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NONE};
}

class Http2 final : public Protocol {
 public:
  explicit Http2(const Front& front) : front_(front), session_(new_session(this), nghttp2_session_del) {
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMostStreams}};
    nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings, std::size(settings));
  }

  bool receive(std::string_view bytes) override {
    return nghttp2_session_mem_recv(session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                    bytes.size()) >= 0;
  }

  void produce(std::string& out, Clock::time_point now) override {
    finish_going_away(now);
    for (auto& [id, stream] : streams_) advance(id, stream, now);
    while (out.size() < kOutputLimit && !cut_) {
      const std::uint8_t* data = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_.get(), &data);
      if (size <= 0) return;
      out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
      refill(now);
    }
  }

  [[nodiscard]] Clock::time_point due() const override {
    Clock::time_point first = away_at_.value_or(Clock::time_point::max());
    for (const auto& [id, stream] : streams_) {
      if (stream.responder != nullptr && !stream.answer) first = std::min(first, Clock::now() + kPatience);
      if (stream.answer && stream.buffer.size() < kStreamBuffer && !stream.ended) {
        first = std::min(first, stream.answer->body->due());
      }
    }
    return first;
  }

  [[nodiscard]] bool finished() const override {
    return nghttp2_session_want_read(session_.get()) == 0 && nghttp2_session_want_write(session_.get()) == 0;
  }
  [[nodiscard]] std::optional<Cut> cut() const override { return cut_; }

  void go_away() override {
    if (away_at_ || gone_away_) return;
    nghttp2_submit_shutdown_notice(session_.get());
    away_at_ = Clock::now() + kGoAwayDelay;
  }

 private:
  using Session = std::unique_ptr<nghttp2_session, decltype(&nghttp2_session_del)>;

  void finish_going_away(Clock::time_point now) {
    if (!away_at_ || now < *away_at_) return;
    away_at_.reset();
    gone_away_ = true;
    nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_.get()),
                          NGHTTP2_NO_ERROR, nullptr, 0);
  }

  void advance(std::int32_t id, Stream& stream, Clock::time_point now) {
    if (stream.complete && stream.responder == nullptr) {
      stream.request.connection = front_.connection;
      stream.request.certificate = front_.certificate;
      stream.request.http_version = "2";
      stream.responder = std::make_unique<Responder>(*front_.store, *front_.script, std::move(stream.request));
    }
    if (stream.responder != nullptr && !stream.answer) {
      stream.answer = stream.responder->answer();
      if (stream.answer) submit(id, *stream.answer);
    }
    if (stream.answer) fill(id, stream, now);
  }

  void submit(std::int32_t id, const Answer& answer) {
    std::map<std::string, std::string> head = head_of(answer);
    if (answer.length) head["content-length"] = std::to_string(*answer.length);
    const std::string status_name = ":status";
    const std::string status = std::to_string(answer.status);
    std::vector<nghttp2_nv> headers{header(status_name, status)};
    for (const auto& [name, value] : head) headers.push_back(header(name, value));
    nghttp2_data_provider provider{};
    provider.read_callback = &Http2::read_body;
    nghttp2_submit_response(session_.get(), id, headers.data(), headers.size(), &provider);
  }

  void fill(std::int32_t id, Stream& stream, Clock::time_point now) {
    while (!stream.ended && !stream.cut && stream.buffer.size() < kStreamBuffer) {
      Piece piece = stream.answer->body->next(now);
      stream.buffer += piece.bytes;
      stream.ended = piece.end;
      stream.cut = piece.cut;
      if (piece.bytes.empty()) break;
    }
    if (stream.deferred && (!stream.buffer.empty() || stream.ended || stream.cut)) {
      stream.deferred = false;
      nghttp2_session_resume_data(session_.get(), id);
    }
  }

  void refill(Clock::time_point now) {
    for (auto& [id, stream] : streams_) {
      if (stream.answer && stream.buffer.empty()) fill(id, stream, now);
    }
  }

  /// Pre: called by nghttp2 for a stream that has an answer. Throws nothing: below is a C frame.
  ssize_t read(std::int32_t id, Stream& stream, std::uint8_t* target, std::size_t size, std::uint32_t* flags) {
    if (stream.buffer.empty() && stream.cut) {
      if (*stream.cut == Cut::StreamError) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      if (*stream.cut == Cut::QuietReset) {
        nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
        return NGHTTP2_ERR_DEFERRED;
      }
      cut_ = stream.cut;
      return NGHTTP2_ERR_DEFERRED;
    }
    if (stream.buffer.empty() && !stream.ended) {
      stream.deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    const std::size_t taken = std::min(size, stream.buffer.size());
    std::memcpy(target, stream.buffer.data(), taken);
    stream.buffer.erase(0, taken);
    if (stream.buffer.empty() && stream.ended) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(taken);
  }

  void add_header(std::int32_t id, std::string_view name, std::string_view value) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return;
    ApiRequest& request = found->second.request;
    if (name == ":method") {
      request.method = value;
    } else if (name == ":path") {
      set_target(request, value);
    } else {
      request.headers[std::string(name)] = value;
    }
  }

  static Http2& self(void* user) { return *static_cast<Http2*>(user); }

  static int begin_headers(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
    self(user).streams_[frame->hd.stream_id];
    return 0;
  }

  static int on_header(nghttp2_session* /*session*/, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t /*flags*/,
                       void* user) {
    self(user).add_header(frame->hd.stream_id, {reinterpret_cast<const char*>(name), name_size},
                          {reinterpret_cast<const char*>(value), value_size});
    return 0;
  }

  static int on_data(nghttp2_session* /*session*/, std::uint8_t /*flags*/, std::int32_t id, const std::uint8_t* data,
                     std::size_t size, void* user) {
    const auto found = self(user).streams_.find(id);
    if (found != self(user).streams_.end()) {
      found->second.request.body.append(reinterpret_cast<const char*>(data), size);
    }
    return 0;
  }

  static int frame_received(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
    const bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    const auto found = self(user).streams_.find(frame->hd.stream_id);
    if (carries && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && found != self(user).streams_.end()) {
      found->second.complete = true;
    }
    return 0;
  }

  static int stream_closed(nghttp2_session* /*session*/, std::int32_t id, std::uint32_t /*error*/, void* user) {
    self(user).streams_.erase(id);
    return 0;
  }

  static ssize_t read_body(nghttp2_session* /*session*/, std::int32_t id, std::uint8_t* target, std::size_t size,
                           std::uint32_t* flags, nghttp2_data_source* /*source*/, void* user) {
    const auto found = self(user).streams_.find(id);
    if (found == self(user).streams_.end()) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return self(user).read(id, found->second, target, size, flags);
  }

  static nghttp2_session* new_session(Http2* user) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &Http2::begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &Http2::on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Http2::on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Http2::frame_received);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &Http2::stream_closed);
    nghttp2_session* session = nullptr;
    nghttp2_session_server_new(&session, callbacks, user);
    nghttp2_session_callbacks_del(callbacks);
    return session;
  }

  Front front_;
  std::map<std::int32_t, Stream> streams_;
  std::optional<Cut> cut_;
  std::optional<Clock::time_point> away_at_;
  bool gone_away_ = false;
  Session session_;  ///< last: it may call back while it goes
};

}  // namespace

std::unique_ptr<Protocol> make_http2(const Front& front) {
  return std::make_unique<Http2>(front);
}

}  // namespace tierwall::fake_api

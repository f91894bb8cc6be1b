#include "tests/fake_api/answer.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <zlib.h>

namespace tierwall::fake_api {

namespace {

constexpr std::size_t kBufferedByGo = 2048;
constexpr int kGzipWindow = 15 + 16;  ///< zlib's way to say gzip

class WholeBody final : public Body {
 public:
  explicit WholeBody(std::string bytes) : bytes_(std::move(bytes)) {}
  Piece next(Clock::time_point /*now*/) override { return {.bytes = std::exchange(bytes_, {}), .end = true}; }

 private:
  std::string bytes_;
};

class CutBody final : public Body {
 public:
  CutBody(std::unique_ptr<Body> inner, std::size_t bytes, Cut how)
      : inner_(std::move(inner)), left_(bytes), how_(how) {}

  Piece next(Clock::time_point now) override {
    Piece piece = inner_->next(now);
    if (piece.bytes.size() < left_) {
      left_ -= piece.bytes.size();
      return piece;
    }
    piece.bytes.resize(left_);
    if (how_ == Cut::LooksWhole) return {.bytes = std::move(piece.bytes), .end = true};
    return {.bytes = std::move(piece.bytes), .cut = how_};
  }
  [[nodiscard]] Clock::time_point due() const override { return inner_->due(); }

 private:
  std::unique_ptr<Body> inner_;
  std::size_t left_;
  Cut how_;
};

std::string gzip_member(const std::string& text) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("no gzip");
  }
  std::string input = text;
  std::string member(deflateBound(&stream, static_cast<uLong>(input.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(member.data());
  stream.avail_out = static_cast<uInt>(member.size());
  deflate(&stream, Z_FINISH);
  member.resize(stream.total_out);
  deflateEnd(&stream);
  return member;
}

class GzipBody final : public Body {
 public:
  explicit GzipBody(std::unique_ptr<Body> inner) : inner_(std::move(inner)) {}

  Piece next(Clock::time_point now) override {
    Piece piece = inner_->next(now);
    if (!piece.bytes.empty()) piece.bytes = gzip_member(piece.bytes);
    return piece;
  }
  [[nodiscard]] Clock::time_point due() const override { return inner_->due(); }

 private:
  std::unique_ptr<Body> inner_;
};

}  // namespace

Answer whole_answer(int status, std::string content_type, std::string bytes) {
  Answer answer{.status = status, .content_type = std::move(content_type)};
  if (bytes.size() <= kBufferedByGo) answer.length = bytes.size();
  answer.body = std::make_unique<WholeBody>(std::move(bytes));
  return answer;
}

Answer cut_after(Answer answer, std::size_t bytes, Cut how) {
  if (how == Cut::LooksWhole) answer.length.reset();
  answer.body = std::make_unique<CutBody>(std::move(answer.body), bytes, how);
  return answer;
}

Answer gzip_members(Answer answer) {
  answer.body = std::make_unique<GzipBody>(std::move(answer.body));
  answer.length.reset();
  answer.headers["Content-Encoding"] = "gzip";
  answer.headers["Vary"] = "Accept-Encoding";
  return answer;
}

}  // namespace tierwall::fake_api

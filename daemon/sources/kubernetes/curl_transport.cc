#include "daemon/sources/kubernetes/curl_transport.h"

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <system_error>
#include <utility>

#include <sys/epoll.h>

#include <fmt/format.h>

#include "daemon/sources/kubernetes/credentials.h"
#include "daemon/sources/kubernetes/curl_request.h"

namespace tierwall::daemon {

namespace {

constexpr std::chrono::milliseconds kShortAnswerSilence{30'000};
constexpr long kUnauthorized = 401;

struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
using Multi = std::unique_ptr<CURLM, FreeMulti>;

Multi make_multi() {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  Multi multi(ready == CURLE_OK ? curl_multi_init() : nullptr);
  if (!multi) throw std::system_error(std::make_error_code(std::errc::not_enough_memory), "cannot set up libcurl");
  return multi;
}

int to_curl_events(std::uint32_t revents) {
  return ((revents & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) | ((revents & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
         ((revents & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
}

std::uint32_t to_epoll_events(int wanted) {
  return ((wanted & CURL_POLL_IN) != 0 ? std::uint32_t{EPOLLIN} : 0u) |
         ((wanted & CURL_POLL_OUT) != 0 ? std::uint32_t{EPOLLOUT} : 0u);
}

/// One request on its way. Its memory lives until both the engine and the exchange have let go of it.
struct Transfer {
  enum class State { Waiting, WaitingForCredentials, Running, Ended };

  Transfer(HttpRequest wanted, HttpSink& asker) : request(std::move(wanted)), sink(&asker) {}

  HttpRequest request;
  HttpSink* sink;  ///< null once nobody listens any more
  State state = State::Waiting;
  RequestCredentials used = {};
  bool head_delivered = false;
  bool refused = false;     ///< the answer under way is a 401 that is not delivered
  bool sent_again = false;  ///< after such an answer
  bool silent = false;      ///< nothing came for too long
  std::unique_ptr<CurlRequest> curl = {};
  std::unique_ptr<systemd::Timer> silence = {};

  [[nodiscard]] std::chrono::milliseconds silence_limit() const {
    return request.silence_limit.count() > 0 ? request.silence_limit : kShortAnswerSilence;
  }
};

}  // namespace

/// Everything happens in step(): sources only note that something is due, and callers only leave requests. So libcurl
/// is never entered from one of its own callbacks, and no source is destroyed while it calls back.
class CurlTransport::Engine {
 public:
  Engine(systemd::EventLoop& loop, const Clock& clock, ServerAccess access, std::string user_agent, ExecLimits limits);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  std::shared_ptr<Transfer> add(const HttpRequest& request, HttpSink& sink);
  void wake() { step_.request(); }

  [[nodiscard]] std::vector<std::string> remarks() const;
  [[nodiscard]] const std::string& last_http_version() const { return last_http_version_; }
  [[nodiscard]] const ServerAccess& access() const { return access_; }

 private:
  /// What libcurl's callbacks of one transfer get.
  struct Attachment {
    Engine& engine;
    Transfer& transfer;
  };
  struct Entry {
    std::shared_ptr<Transfer> transfer;
    std::unique_ptr<Attachment> attachment;
  };

  void step();
  void drop_abandoned();
  void end_silent();
  void start_waiting();
  void start(Entry& entry, const Result<RequestCredentials>& credentials);
  void resume(const Result<RequestCredentials>& credentials);
  void serve_sockets();
  void collect_ended();
  void conclude(Transfer& transfer, CURLcode code);
  void detach(Transfer& transfer);
  void finish(Transfer& transfer, const Result<void>& result);

  bool take_header(Transfer& transfer, std::string_view line);
  bool take_body(Transfer& transfer, std::string_view bytes);
  void watch_socket(curl_socket_t socket, int wanted);
  void schedule(long milliseconds);

  static std::size_t on_header(char* text, std::size_t size, std::size_t count, void* owner) noexcept;
  static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* owner) noexcept;
  static int on_socket(CURL* easy, curl_socket_t socket, int wanted, void* engine, void* ignored) noexcept;
  static int on_timeout(CURLM* multi, long milliseconds, void* engine) noexcept;

  systemd::EventLoop& loop_;
  ServerAccess access_;
  ServerUrl url_;
  std::string user_agent_;
  std::string last_http_version_;
  bool distrust_connections_ = false;  ///< one of them was silent; the next request opens its own
  Multi multi_;
  std::list<Entry> entries_;
  std::map<curl_socket_t, std::uint32_t> ready_;  ///< sockets with their events, not yet told to libcurl
  bool timeout_due_ = false;
  std::map<curl_socket_t, std::unique_ptr<systemd::IoWatch>> watches_;
  systemd::Timer timeout_;
  systemd::Deferred step_;
  Credentials credentials_;
};

namespace {

/// The caller's end of a transfer.
class Exchange final : public HttpExchange {
 public:
  Exchange(std::shared_ptr<Transfer> transfer, std::function<void()> on_cancel)
      : transfer_(std::move(transfer)), on_cancel_(std::move(on_cancel)) {}
  ~Exchange() override {
    if (std::exchange(transfer_->sink, nullptr) != nullptr) on_cancel_();
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

 private:
  std::shared_ptr<Transfer> transfer_;
  std::function<void()> on_cancel_;
};

}  // namespace

// ---- life ----------------------------------------------------------------------------------------------------

CurlTransport::Engine::Engine(systemd::EventLoop& loop, const Clock& clock, ServerAccess access, std::string user_agent,
                              ExecLimits limits)
    : loop_(loop),
      access_(std::move(access)),
      user_agent_(std::move(user_agent)),
      multi_(make_multi()),
      timeout_(loop, systemd::Priority::Sources,
               [this] {
                 timeout_due_ = true;
                 wake();
               }),
      step_(loop, systemd::Priority::Sources, [this] { step(); }),
      credentials_(
          loop, clock, access_, [this](const Result<RequestCredentials>& fresh) { resume(fresh); }, limits) {
  auto url = parse_server_url(access_.server);
  TIERWALL_CHECK(static_cast<bool>(url));
  url_ = *std::move(url);
  curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, on_timeout);
  curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_.get(), CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
}

CurlTransport::Engine::~Engine() {
  for (Entry& entry : entries_) {
    entry.transfer->sink = nullptr;
    detach(*entry.transfer);
    entry.transfer->silence.reset();
  }
  multi_.reset();  // before the watches, which it takes leave of
}

std::shared_ptr<Transfer> CurlTransport::Engine::add(const HttpRequest& request, HttpSink& sink) {
  TIERWALL_CHECK(request.target.starts_with('/'));
  auto transfer = std::make_shared<Transfer>(request, sink);
  transfer->silence = std::make_unique<systemd::Timer>(loop_, systemd::Priority::Sources, [this, raw = transfer.get()] {
    raw->silent = true;
    wake();
  });
  entries_.push_back({transfer, std::make_unique<Attachment>(Attachment{*this, *transfer})});
  wake();
  return transfer;
}

std::vector<std::string> CurlTransport::Engine::remarks() const {
  std::vector<std::string> all = access_.remarks;
  const std::vector<std::string> problems = credentials_.problems();
  all.insert(all.end(), problems.begin(), problems.end());
  return all;
}

// ---- one step ------------------------------------------------------------------------------------------------

void CurlTransport::Engine::step() {
  drop_abandoned();
  serve_sockets();
  collect_ended();
  end_silent();
  drop_abandoned();
  start_waiting();
}

void CurlTransport::Engine::drop_abandoned() {
  entries_.remove_if([this](Entry& entry) {
    if (entry.transfer->sink != nullptr) return false;
    detach(*entry.transfer);
    entry.transfer->silence.reset();  // its callback refers to this engine
    return true;
  });
}

void CurlTransport::Engine::serve_sockets() {
  int running = 0;
  const auto ready = std::exchange(ready_, {});
  for (const auto& [socket, revents] : ready) {
    // An earlier one may have closed this socket.
    if (watches_.count(socket) > 0) curl_multi_socket_action(multi_.get(), socket, to_curl_events(revents), &running);
  }
  if (std::exchange(timeout_due_, false)) curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running);
}

void CurlTransport::Engine::collect_ended() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;  // the message dies with the handle
    char* owner = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
    conclude(reinterpret_cast<Attachment*>(owner)->transfer, code);
  }
}

void CurlTransport::Engine::conclude(Transfer& transfer, CURLcode code) {
  if (transfer.refused) {  // even if the refusal was cut short
    detach(transfer);
    transfer.refused = false;
    transfer.sent_again = true;
    transfer.state = Transfer::State::Waiting;
    return;
  }
  Result<void> result;
  if (code != CURLE_OK) result = explain_failure(access_, code, *transfer.curl);
  // Certificate and key may have been read while somebody replaced one after the other.
  if (code == CURLE_SSL_CERTPROBLEM) credentials_.refused(transfer.used);
  detach(transfer);
  finish(transfer, result);
}

void CurlTransport::Engine::end_silent() {
  // A sink's callback may add entries (at the end) and abandon some, but removes none.
  for (Entry& entry : entries_) {
    Transfer& transfer = *entry.transfer;
    if (!std::exchange(transfer.silent, false) || transfer.state != Transfer::State::Running) continue;
    if (transfer.curl) curl_easy_setopt(transfer.curl->easy.get(), CURLOPT_FORBID_REUSE, 1L);
    distrust_connections_ = true;
    detach(transfer);
    finish(transfer, Error{ErrorKind::Unavailable,
                           fmt::format("{}: silent for {} s", access_.server,
                                       std::chrono::duration<double>(transfer.silence_limit()).count()),
                           0});
  }
}

void CurlTransport::Engine::start_waiting() {
  // Requests that sinks make meanwhile have their turn in the next step, so that a sink that never gives up does not
  // keep us here.
  std::size_t count = entries_.size();
  for (auto at = entries_.begin(); count > 0; ++at, --count) {
    Entry& entry = *at;
    if (entry.transfer->sink == nullptr || entry.transfer->state != Transfer::State::Waiting) continue;
    if (const auto credentials = credentials_.now())
      start(entry, *credentials);
    else
      entry.transfer->state = Transfer::State::WaitingForCredentials;
  }
}

void CurlTransport::Engine::resume(const Result<RequestCredentials>& credentials) {
  for (Entry& entry : entries_) {
    if (entry.transfer->sink != nullptr && entry.transfer->state == Transfer::State::WaitingForCredentials)
      start(entry, credentials);
  }
}

void CurlTransport::Engine::start(Entry& entry, const Result<RequestCredentials>& credentials) {
  Transfer& transfer = *entry.transfer;
  if (!credentials) return finish(transfer, credentials.error());
  transfer.used = *credentials;
  auto made = make_curl_request(access_, url_, user_agent_, transfer.request, *credentials,
                                {.header = on_header, .body = on_body, .owner = entry.attachment.get()});
  if (!made) return finish(transfer, made.error());
  transfer.curl = *std::move(made);
  if (distrust_connections_) curl_easy_setopt(transfer.curl->easy.get(), CURLOPT_FRESH_CONNECT, 1L);
  const CURLMcode added = curl_multi_add_handle(multi_.get(), transfer.curl->easy.get());
  TIERWALL_CHECK(added == CURLM_OK);
  transfer.state = Transfer::State::Running;
  transfer.silence->start(transfer.silence_limit());
}

/// Takes the request from libcurl, which forgets its connection if it was in the middle of an answer.
void CurlTransport::Engine::detach(Transfer& transfer) {
  if (transfer.silence) transfer.silence->stop();
  if (!transfer.curl) return;
  curl_multi_remove_handle(multi_.get(), transfer.curl->easy.get());
  transfer.curl.reset();
}

/// The last call of the sink. Its exchange may be destroyed in it; the entry goes with the next step.
void CurlTransport::Engine::finish(Transfer& transfer, const Result<void>& result) {
  transfer.state = Transfer::State::Ended;
  wake();
  if (HttpSink* sink = std::exchange(transfer.sink, nullptr)) sink->on_end(result);
}

// ---- what libcurl calls --------------------------------------------------------------------------------------

/// False ends the transfer.
bool CurlTransport::Engine::take_header(Transfer& transfer, std::string_view line) {
  if (transfer.sink == nullptr) return false;
  transfer.silence->start(transfer.silence_limit());
  // An empty line ends the head; trailers look like headers, too.
  if (transfer.head_delivered || transfer.refused || line.find_first_not_of("\r\n") != std::string_view::npos)
    return true;
  CURL* easy = transfer.curl->easy.get();
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  if (status < 200) return true;  // "100 Continue": the head is still to come
  last_http_version_ = http_version_of(easy);
  distrust_connections_ = false;
  if (status == kUnauthorized && !transfer.sent_again && credentials_.refused(transfer.used)) {
    transfer.refused = true;
    return true;
  }
  HttpHead head{.status = static_cast<int>(status)};
  char* type = nullptr;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
  curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
  if (type != nullptr) head.content_type = type;
  if (retry_after > 0) head.retry_after = std::chrono::seconds(retry_after);
  transfer.head_delivered = true;
  transfer.sink->on_head(head);
  return transfer.sink != nullptr;
}

bool CurlTransport::Engine::take_body(Transfer& transfer, std::string_view bytes) {
  if (transfer.sink == nullptr) return false;
  transfer.silence->start(transfer.silence_limit());
  if (transfer.refused) return true;
  transfer.sink->on_body(bytes);
  return transfer.sink != nullptr;
}

std::size_t CurlTransport::Engine::on_header(char* text, std::size_t size, std::size_t count, void* owner) noexcept {
  auto* attachment = static_cast<Attachment*>(owner);
  try {
    return attachment->engine.take_header(attachment->transfer, {text, size * count}) ? size * count : 0;
  } catch (...) {
    attachment->engine.loop_.fail_with_exception_in_flight();
    return 0;
  }
}

std::size_t CurlTransport::Engine::on_body(char* bytes, std::size_t size, std::size_t count, void* owner) noexcept {
  auto* attachment = static_cast<Attachment*>(owner);
  try {
    return attachment->engine.take_body(attachment->transfer, {bytes, size * count}) ? size * count : 0;
  } catch (...) {
    attachment->engine.loop_.fail_with_exception_in_flight();
    return 0;
  }
}

void CurlTransport::Engine::watch_socket(curl_socket_t socket, int wanted) {
  // Gone at once: the number may be another socket's in a moment.
  if (wanted == CURL_POLL_REMOVE) {
    watches_.erase(socket);
    return;
  }
  std::unique_ptr<systemd::IoWatch>& watch = watches_[socket];
  if (watch) return watch->set_events(to_epoll_events(wanted));
  watch = std::make_unique<systemd::IoWatch>(loop_, socket, to_epoll_events(wanted), systemd::Priority::Sources,
                                             [this, socket](std::uint32_t revents) {
                                               ready_[socket] |= revents;
                                               wake();
                                             });
}

int CurlTransport::Engine::on_socket(CURL* /*easy*/, curl_socket_t socket, int wanted, void* engine,
                                     void* /*ignored*/) noexcept {
  auto* self = static_cast<Engine*>(engine);
  try {
    self->watch_socket(socket, wanted);
    return 0;
  } catch (...) {
    self->loop_.fail_with_exception_in_flight();
    return -1;
  }
}

void CurlTransport::Engine::schedule(long milliseconds) {
  timeout_due_ = milliseconds == 0;
  if (milliseconds > 0)
    timeout_.start(std::chrono::milliseconds(milliseconds));
  else
    timeout_.stop();
  if (timeout_due_) wake();
}

int CurlTransport::Engine::on_timeout(CURLM* /*multi*/, long milliseconds, void* engine) noexcept {
  auto* self = static_cast<Engine*>(engine);
  try {
    self->schedule(milliseconds);
    return 0;
  } catch (...) {
    self->loop_.fail_with_exception_in_flight();
    return -1;
  }
}

// ---- the transport -------------------------------------------------------------------------------------------

CurlTransport::CurlTransport(systemd::EventLoop& loop, const Clock& clock, ServerAccess access, std::string user_agent,
                             ExecLimits limits)
    : engine_(std::make_unique<Engine>(loop, clock, std::move(access), std::move(user_agent), limits)) {}

CurlTransport::~CurlTransport() = default;

std::unique_ptr<HttpExchange> CurlTransport::get(const HttpRequest& request, HttpSink& sink) {
  // The engine clears the sinks when it dies, so that a later cancellation does not come here.
  return std::make_unique<Exchange>(engine_->add(request, sink), [engine = engine_.get()] { engine->wake(); });
}

std::vector<std::string> CurlTransport::remarks() const {
  return engine_->remarks();
}

const std::string& CurlTransport::last_http_version() const {
  return engine_->last_http_version();
}

const std::string& CurlTransport::server() const {
  return engine_->access().server;
}

}  // namespace tierwall::daemon

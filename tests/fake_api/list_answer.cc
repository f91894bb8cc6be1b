#include "tests/fake_api/list_answer.h"

#include <charconv>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <openssl/evp.h>

namespace tierwall::fake_api {

namespace {

using nlohmann::json;

constexpr std::size_t kCompressedFrom = 128 * 1024;

/// Base64 for addresses, without padding: what the API server's tokens look like.
std::string base64url(const std::string& text) {
  std::string encoded(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  encoded.resize(static_cast<std::size_t>(size));
  while (encoded.ends_with('=')) encoded.pop_back();
  for (char& c : encoded) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return encoded;
}

std::optional<std::string> from_base64url(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  const std::size_t padding = (4 - text.size() % 4) % 4;
  text.append(padding, '=');
  std::string decoded(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0 || padding == 3) return std::nullopt;
  decoded.resize(static_cast<std::size_t>(size) - padding);
  return decoded;
}

struct ContinueToken {
  std::optional<std::uint64_t> version;  ///< absent: go on without consistency
  std::string start;                     ///< the last key of the page before
  std::uint64_t epoch = 0;               ///< Script::expire_continue_tokens()

  [[nodiscard]] std::string text() const {
    const json version_or_none = version ? json(*version) : json(-1);
    return base64url(
        json{{"v", "meta.k8s.io/v1"}, {"rv", version_or_none}, {"start", start + '\0'}, {"epoch", epoch}}.dump());
  }

  static ContinueToken parse(const std::string& text) {
    const json token = json::parse(from_base64url(text).value_or(""), nullptr, false);
    if (!token.is_object() || !token.contains("rv") || !token.contains("start")) {
      throw std::invalid_argument("invalid continue token: continue key is not valid");
    }
    ContinueToken parsed{.version = {}, .start = token["start"].get<std::string>(), .epoch = token.value("epoch", 0UL)};
    if (!parsed.start.empty()) parsed.start.pop_back();
    if (token["rv"] != -1) parsed.version = token["rv"].get<std::uint64_t>();
    return parsed;
  }
};

struct ListOptions {
  std::optional<std::uint64_t> version{};
  std::string match{};
  std::size_t limit = 0;  ///< 0: none
  std::optional<ContinueToken> from{};
  Selector selector{};
};

ListOptions parse_options(const ApiRequest& request, const ResourceType& type) {
  ListOptions options{.version = asked_version(request), .match = request.parameter("resourceVersionMatch")};
  const std::string limit = request.parameter("limit");
  std::from_chars(limit.data(), limit.data() + limit.size(), options.limit);
  const std::string token = request.parameter("continue");
  if (!token.empty()) options.from = ContinueToken::parse(token);
  if (options.from && options.version.value_or(0) != 0) {
    throw std::invalid_argument("specifying resource version is not allowed when using continue");
  }
  options.selector = Selector::parse(type, request.parameter("fieldSelector"), request.parameter("labelSelector"));
  return options;
}

/// What the server's validation finds; empty: nothing.
std::string contradiction(const ApiRequest& request, const ListOptions& options) {
  if (request.query.contains("sendInitialEvents")) {
    return "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list";
  }
  if (options.match.empty()) return {};
  if (options.match != "Exact" && options.match != "NotOlderThan") {
    return "resourceVersionMatch: Unsupported value: \"" + options.match +
           "\": supported values: \"Exact\", \"NotOlderThan\"";
  }
  if (options.from) {
    return "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided";
  }
  if (!options.version) {
    return "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided";
  }
  if (options.match == "Exact" && *options.version == 0) {
    return "resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
  }
  return {};
}

struct Page {
  std::vector<StoredPointer> objects;
  std::string continue_token;
  std::size_t remaining = 0;
};

Page cut_page(const Listing& listing, const ListOptions& options, const std::string& name_space, std::uint64_t epoch) {
  const bool unlimited = options.limit == 0 || (options.version && *options.version == 0 && !options.from);
  Page page;
  for (const StoredPointer& stored : listing.objects) {
    if (options.from && stored->key <= options.from->start) continue;
    if (!name_space.empty() && stored->name_space != name_space) continue;
    if (!options.selector.matches(stored->body)) continue;
    if (unlimited || page.objects.size() < options.limit) {
      page.objects.push_back(stored);
    } else {
      ++page.remaining;
    }
  }
  if (page.remaining > 0) {
    page.continue_token =
        ContinueToken{.version = listing.version, .start = page.objects.back()->key, .epoch = epoch}.text();
  }
  return page;
}

std::string built_in_list(const ResourceType& type, const Page& page, const ListOptions& options,
                          std::uint64_t version) {
  nlohmann::ordered_json metadata{{"resourceVersion", std::to_string(version)}};
  if (!page.continue_token.empty()) metadata["continue"] = page.continue_token;
  if (page.remaining > 0 && options.selector.empty()) metadata["remainingItemCount"] = page.remaining;
  std::string body = R"({"kind":")" + type.kind + R"(List","apiVersion":")" + type.group_version + R"(","metadata":)" +
                     metadata.dump() + R"(,"items":[)";
  const char* separator = "";
  for (const StoredPointer& stored : page.objects) {
    body += separator;
    body += type.built_in ? stored->text : typed_text(type, *stored);
    separator = ",";
  }
  return body + "]}\n";
}

std::string custom_list(const ResourceType& type, const Page& page, const ListOptions& options, std::uint64_t version) {
  json metadata{{"continue", page.continue_token}, {"resourceVersion", std::to_string(version)}};
  if (page.remaining > 0 && options.selector.empty()) metadata["remainingItemCount"] = page.remaining;
  std::string body = R"({"apiVersion":")" + type.group_version + R"(","items":[)";
  const char* separator = "";
  for (const StoredPointer& stored : page.objects) {
    body += separator + stored->body.dump();
    separator = ",";
  }
  return body + R"(],"kind":")" + type.kind + R"(List","metadata":)" + metadata.dump() + "}\n";
}

Answer list_body(const ResourceType& type, const Page& page, const ListOptions& options, std::uint64_t version,
                 const ApiRequest& request) {
  // Calico's own API server is no CRD: it writes typed lists.
  const bool typed = type.built_in || type.group() == "projectcalico.org";
  std::string body = typed ? built_in_list(type, page, options, version) : custom_list(type, page, options, version);
  const bool compressed =
      body.size() > kCompressedFrom && request.header("accept-encoding").find("gzip") != std::string::npos;
  Answer answer = whole_answer(200, "application/json", std::move(body));
  return compressed ? gzip_members(std::move(answer)) : std::move(answer);
}

/// The state to list, or the reason why not.
struct Choice {
  std::optional<Listing> listing;
  std::optional<Status> failure;
};

Choice continued_listing(const ObjectStore& store, const Script& script, const ResourceType& type,
                         const ContinueToken& token) {
  if (!token.version) return {.listing = store.list(type), .failure = {}};
  std::optional<Listing> past =
      token.epoch == script.continue_epoch() ? store.list_at(type, *token.version) : std::nullopt;
  if (past) return {.listing = std::move(past), .failure = {}};
  const ContinueToken fresh{.version = {}, .start = token.start, .epoch = script.continue_epoch()};
  return {.listing = {}, .failure = expired_continue(fresh.text())};
}

Choice exact_listing(const ObjectStore& store, const ResourceType& type, std::uint64_t version) {
  std::optional<Listing> past = store.list_at(type, version);
  if (past) return {.listing = std::move(past), .failure = {}};
  return {.listing = {}, .failure = expired_list()};
}

}  // namespace

Answer status_answer(const Status& status) {
  Answer answer = whole_answer(status.code, "application/json", status.text() + "\n");
  if (status.retry_after_seconds > 0) answer.headers["Retry-After"] = std::to_string(status.retry_after_seconds);
  return answer;
}

std::optional<std::uint64_t> asked_version(const ApiRequest& request) {
  const std::string text = request.parameter("resourceVersion");
  if (text.empty()) return std::nullopt;
  std::uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw std::invalid_argument("resourceVersion: Invalid value: \"" + text + "\": strconv.ParseUint: parsing \"" +
                                text + "\": invalid syntax");
  }
  return version;
}

std::optional<Answer> list_answer(const ObjectStore& store, const Script& script, const ApiRequest& request,
                                  const ResourcePath& path, Clock::time_point arrived) {
  const ResourceType& type = *path.type;
  const ListOptions options = parse_options(request, type);
  if (const std::string wrong = contradiction(request, options); !wrong.empty()) {
    return status_answer(invalid_options(wrong));
  }
  const std::uint64_t asked = options.version.value_or(0);
  if (asked > store.version()) {
    if (Clock::now() < arrived + script.behaviour().too_large_wait) return std::nullopt;
    return status_answer(too_large_version(asked, store.version()));
  }
  const bool exact = options.match == "Exact" || (options.match.empty() && options.limit > 0);
  const Choice choice = options.from         ? continued_listing(store, script, type, *options.from)
                        : asked > 0 && exact ? exact_listing(store, type, asked)
                                             : Choice{.listing = store.list(type), .failure = {}};
  if (choice.failure) return status_answer(*choice.failure);
  const Page page = cut_page(*choice.listing, options, path.name_space, script.continue_epoch());
  return list_body(type, page, options, choice.listing->version, request);
}

}  // namespace tierwall::fake_api

#include "daemon/sources/kubernetes/read_json.h"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "daemon/sources/read_yaml.h"

namespace tierwall::daemon {

namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;
using Step = Projection::Step;

constexpr std::size_t kLinearKeys = 16;  // up to so many fields a scan finds a repeated key faster than a set
constexpr std::size_t kUsualFields = 8;  // of a map that is kept whole: moving them on growth costs more than they do
constexpr std::string_view kSpaces = " \t\r\n";

std::size_t skip_digits(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
  return at;
}

/// The parser leaves numbers alone until they are converted, which would lose their text.
bool is_json_number(std::string_view text) {
  std::size_t at = !text.empty() && text[0] == '-' ? 1 : 0;
  const std::size_t whole = at;
  at = skip_digits(text, at);
  if (at == whole || (at > whole + 1 && text[whole] == '0')) return false;
  if (at < text.size() && text[at] == '.') {
    const std::size_t fraction = at + 1;
    at = skip_digits(text, fraction);
    if (at == fraction) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const std::size_t exponent = at;
    at = skip_digits(text, exponent);
    if (at == exponent) return false;
  }
  return at == text.size();
}

/// `keys` holds those of `fields` as soon as there are many.
bool is_repeated(const std::vector<Field>& fields, std::string_view key, std::unordered_set<std::string>& keys) {
  if (fields.size() < kLinearKeys) {
    return std::any_of(fields.begin(), fields.end(), [key](const Field& other) { return other.key == key; });
  }
  if (keys.empty()) {
    for (const Field& other : fields) keys.insert(other.key);
  }
  return !keys.emplace(key).second;
}

/// Makes the tree of one value.
class TreeMaker {
 public:
  /// `step` is null where everything is kept.
  error_code make(ondemand::value value, const Step* step, std::size_t depth, Node& node);

 private:
  error_code make_map(ondemand::object object, const Step* step, std::size_t depth, Node& node);
  error_code make_sequence(ondemand::array array, const Step* step, std::size_t depth, Node& node);
  static error_code make_scalar(ondemand::value value, ondemand::json_type type, Node& node);
};

error_code TreeMaker::make(ondemand::value value, const Step* step, std::size_t depth, Node& node) {
  ondemand::json_type type{};
  if (const error_code error = value.type().get(type)) return error;
  if (type != ondemand::json_type::object && type != ondemand::json_type::array) {
    return make_scalar(value, type, node);
  }
  if (depth == kMaxDocumentDepth) return simdjson::DEPTH_ERROR;
  if (type == ondemand::json_type::object) {
    ondemand::object object;
    if (const error_code error = value.get_object().get(object)) return error;
    return make_map(object, step, depth + 1, node);
  }
  ondemand::array array;
  if (const error_code error = value.get_array().get(array)) return error;
  return make_sequence(array, step, depth + 1, node);
}

error_code TreeMaker::make_map(ondemand::object object, const Step* step, std::size_t depth, Node& node) {
  node.kind = Node::Kind::Map;
  const bool few = step != nullptr && step->fields == Step::Fields::Listed;
  node.fields.reserve(few ? step->listed.size() : kUsualFields);
  std::unordered_set<std::string> keys;  // only for large maps
  for (auto read : object) {
    std::string_view key;
    if (const error_code error = read.unescaped_key().get(key)) return error;
    const Step* below = step == nullptr ? nullptr : step->find(key);
    if (below != nullptr && below->fields == Step::Fields::None) continue;
    const bool repeated = is_repeated(node.fields, key, keys);
    Field& field = node.fields.emplace_back();
    field.key = key;
    field.repeated = repeated;
    ondemand::value value;
    if (const error_code error = read.value().get(value)) return error;
    if (const error_code error = make(value, below, depth, field.value)) return error;
  }
  return simdjson::SUCCESS;
}

error_code TreeMaker::make_sequence(ondemand::array array, const Step* step, std::size_t depth, Node& node) {
  node.kind = Node::Kind::Sequence;
  for (auto read : array) {
    ondemand::value value;
    if (const error_code error = read.get(value)) return error;
    if (const error_code error = make(value, step, depth, node.items.emplace_back())) return error;
  }
  return simdjson::SUCCESS;
}

error_code TreeMaker::make_scalar(ondemand::value value, ondemand::json_type type, Node& node) {
  if (type == ondemand::json_type::null) {
    bool is_null = false;
    if (const error_code error = value.is_null().get(is_null)) return error;
    return is_null ? simdjson::SUCCESS : simdjson::N_ATOM_ERROR;
  }
  node.kind = Node::Kind::Scalar;
  if (type == ondemand::json_type::string) {
    std::string_view text;
    if (const error_code error = value.get_string().get(text)) return error;
    node.text = text;
    node.quoted = true;
    return simdjson::SUCCESS;
  }
  if (type == ondemand::json_type::boolean) {
    bool truth = false;
    if (const error_code error = value.get_bool().get(truth)) return error;
    node.text = truth ? "true" : "false";
    return simdjson::SUCCESS;
  }
  std::string_view token = value.raw_json_token();
  token = token.substr(0, token.find_last_not_of(kSpaces) + 1);
  node.text = token;
  return is_json_number(token) ? simdjson::SUCCESS : simdjson::NUMBER_ERROR;
}

Error unreadable(error_code error) {
  if (error == simdjson::DEPTH_ERROR) return malformed(fmt::format("nested deeper than {}", kMaxDocumentDepth));
  return malformed(fmt::format("malformed JSON: {}", simdjson::error_message(error)));
}

/// "containers[]" is the field "containers".
std::string_view field_name(std::string_view part) {
  return part.ends_with("[]") ? part.substr(0, part.size() - 2) : part;
}

/// Walks a path from the root and makes the steps that are missing. The steps on the way show `fields` of what is not
/// listed; the last one gets `last`.
void add_path(Step& root, std::string_view path, Step::Fields fields, Step::Fields last) {
  Step* at = &root;
  while (!path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const std::string_view name = field_name(path.substr(0, dot));
    path.remove_prefix(std::min(dot + 1, path.size()));
    const auto known =
        std::find_if(at->listed.begin(), at->listed.end(), [name](const Step& step) { return step.name == name; });
    if (known != at->listed.end()) {
      at = &*known;
    } else {
      at = &at->listed.emplace_back(Step{std::string(name), path.empty() ? last : fields, {}});
    }
  }
}

/// What is not listed below a step that keeps only what is listed.
const Step& nothing() {
  static const Step step{{}, Step::Fields::None, {}};
  return step;
}

}  // namespace

const Projection::Step* Projection::Step::find(std::string_view field) const {
  for (const Step& step : listed) {
    if (step.name == field) return &step;
  }
  return fields == Fields::Listed ? &nothing() : nullptr;
}

Projection Projection::whole(const std::vector<std::string_view>& dropped) {
  Step root{{}, Step::Fields::All, {}};
  for (const std::string_view path : dropped) add_path(root, path, Step::Fields::All, Step::Fields::None);
  return Projection(std::move(root));
}

Projection Projection::only(const std::vector<std::string_view>& kept) {
  Step root{{}, Step::Fields::Listed, {}};
  for (const std::string_view path : kept) add_path(root, path, Step::Fields::Listed, Step::Fields::All);
  return Projection(std::move(root));
}

struct JsonReader::Buffers {
  ondemand::parser parser;
  std::string padded;  // the parser reads a little beyond the end of its text

  error_code open(std::string_view text, ondemand::document& document) {
    padded.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    padded.assign(text);
    return parser.iterate(simdjson::padded_string_view(padded.data(), padded.size(), padded.capacity())).get(document);
  }
};

JsonReader::JsonReader() : buffers_(std::make_unique<Buffers>()) {}
JsonReader::~JsonReader() = default;

Result<Node> JsonReader::read(std::string_view text, const Projection& projection) {
  ondemand::document document;
  if (const error_code error = buffers_->open(text, document)) return unreadable(error);
  ondemand::value value;
  const error_code wrapped = document.get_value().get(value);
  if (wrapped == simdjson::SCALAR_DOCUMENT_AS_VALUE) return malformed("neither an object nor a list");
  if (wrapped != simdjson::SUCCESS) return unreadable(wrapped);
  Node node;
  if (const error_code error = TreeMaker().make(value, &projection.root(), 0, node)) return unreadable(error);
  const char* rest = nullptr;
  if (document.current_location().get(rest) != simdjson::OUT_OF_BOUNDS)
    return malformed("malformed JSON: text after its end");
  return node;
}

Result<WatchFrame> JsonReader::read_frame(std::string_view text, const Projection& projection) {
  ondemand::document document;
  if (const error_code error = buffers_->open(text, document)) return unreadable(error);
  ondemand::object fields;
  if (document.get_object().get(fields) != simdjson::SUCCESS) return malformed("a watch frame must be an object");
  std::string_view type;
  if (fields.find_field_unordered("type").get_string().get(type) != simdjson::SUCCESS) {
    return malformed("a watch frame without type");
  }
  WatchFrame frame{.type = std::string(type), .object = {}};
  ondemand::value object;
  if (fields.find_field_unordered("object").get(object) != simdjson::SUCCESS) {
    return malformed("a watch frame without object");
  }
  const bool whole = frame.type == "BOOKMARK" || frame.type == "ERROR";
  const Step* root = whole ? nullptr : &projection.root();
  if (const error_code error = TreeMaker().make(object, root, 0, frame.object)) return unreadable(error);
  return frame;
}

}  // namespace tierwall::daemon

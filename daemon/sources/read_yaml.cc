#include "daemon/sources/read_yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <map>
#include <optional>
#include <streambuf>
#include <unordered_set>
#include <utility>

namespace tierwall::daemon {

namespace {

constexpr std::size_t kLinearKeys = 16;  // maps beyond this size find repeated keys by hash

/// Lets an istream read memory it does not own.
class MemoryBuffer : public std::streambuf {
 public:
  explicit MemoryBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // setg() wants it; nothing is ever written
    setg(begin, begin, begin + text.size());
  }
};

/// What one file may still use up.
struct Budget {
  std::size_t nodes = kMaxNodes;
  std::size_t expanded_bytes = kMaxExpandedBytes;
};

/// What copying a tree costs.
struct Extent {
  std::size_t nodes = 1;
  std::size_t bytes = 0;
  std::size_t depth = 1;  // of nesting, the node itself included
};

Extent measure(const Node& node) {
  Extent extent;
  extent.bytes = node.text.size();
  const auto add = [&extent](const Extent& below) {
    extent.nodes += below.nodes;
    extent.bytes += below.bytes;
    extent.depth = std::max(extent.depth, below.depth + 1);
  };
  for (const Node& item : node.items) add(measure(item));
  for (const Field& field : node.fields) {
    extent.bytes += field.key.size();
    add(measure(field.value));
  }
  return extent;
}

struct Anchor {
  Node node;
  Extent extent;
};

/// Builds trees from yaml-cpp's events. Refuses by throwing yaml-cpp's own exception, which read_chunk() catches.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(int first_line, Budget& budget) : first_line_(first_line), budget_(budget) {}

  std::vector<Node> take_roots() { return std::exchange(roots_, {}); }
  [[nodiscard]] const std::vector<Node>& roots() const { return roots_; }

  void OnDocumentStart(const YAML::Mark&) override {
    stack_.clear();
    anchors_.clear();
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    complete(make(mark, Node::Kind::Null), anchor, mark);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, Node::Kind::Sequence, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, Node::Kind::Map, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  /// A list or object that is not finished yet.
  struct Frame {
    Node node;
    YAML::anchor_t anchor = 0;
    YAML::Mark mark;
    std::optional<Field> pending;  // maps: the key whose value comes next
    bool pending_merge = false;    // that key is a plain <<
    std::vector<Node> merges;
    std::unordered_set<std::string> keys;
  };

  Node make(const YAML::Mark& mark, Node::Kind kind) {
    spend(mark, 1, 0);
    Node node;
    node.kind = kind;
    node.line = first_line_ + mark.line;
    node.column = mark.column + 1;
    return node;
  }
  void open(const YAML::Mark& mark, Node::Kind kind, YAML::anchor_t anchor);
  void close();
  void complete(Node node, YAML::anchor_t anchor, const YAML::Mark& mark);
  void take_key(Frame& frame, const Node& key, const YAML::Mark& mark);
  static void add_field(Frame& frame, Field field);
  void merge(Frame& frame, const Node& source);
  void spend(const YAML::Mark& mark, std::size_t nodes, std::size_t expanded_bytes);

  int first_line_;
  Budget& budget_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, Anchor> anchors_;
  std::vector<Node> roots_;
};

void TreeBuilder::spend(const YAML::Mark& mark, std::size_t nodes, std::size_t expanded_bytes) {
  if (nodes > budget_.nodes) throw YAML::ParserException(mark, "the file has too many values");
  if (expanded_bytes > budget_.expanded_bytes) throw YAML::ParserException(mark, "aliases expand to too much text");
  budget_.nodes -= nodes;
  budget_.expanded_bytes -= expanded_bytes;
}

void TreeBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const auto target = anchors_.find(anchor);
  if (target == anchors_.end()) throw YAML::ParserException(mark, "an alias stands inside what it refers to");
  const Anchor& anchored = target->second;
  if (stack_.size() + anchored.extent.depth > kMaxDocumentDepth)
    throw YAML::ParserException(mark, "lists and objects are nested too deep");
  spend(mark, anchored.extent.nodes, anchored.extent.bytes);
  complete(anchored.node, 0, mark);
}

void TreeBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                           const std::string& value) {
  static constexpr std::string_view kPlainTags[] = {"?", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float",
                                                    "tag:yaml.org,2002:bool"};
  Node node = make(mark, Node::Kind::Scalar);
  node.text = value;
  if (tag == "tag:yaml.org,2002:null") {
    node = make(mark, Node::Kind::Null);
  } else if (std::find(std::begin(kPlainTags), std::end(kPlainTags), tag) == std::end(kPlainTags)) {
    if (tag != "!" && tag != "tag:yaml.org,2002:str")
      throw YAML::ParserException(mark, "the tag " + tag + " is unknown");
    node.quoted = true;
  }
  complete(std::move(node), anchor, mark);
}

void TreeBuilder::open(const YAML::Mark& mark, Node::Kind kind, YAML::anchor_t anchor) {
  if (stack_.size() >= kMaxDocumentDepth) throw YAML::ParserException(mark, "lists and objects are nested too deep");
  Frame frame;
  frame.node = make(mark, kind);
  frame.anchor = anchor;
  frame.mark = mark;
  stack_.push_back(std::move(frame));
}

void TreeBuilder::close() {
  Frame frame = std::move(stack_.back());
  stack_.pop_back();
  for (const Node& source : frame.merges) merge(frame, source);
  complete(std::move(frame.node), frame.anchor, frame.mark);
}

void TreeBuilder::complete(Node node, YAML::anchor_t anchor, const YAML::Mark& mark) {
  if (anchor != 0) {
    const Extent extent = measure(node);
    spend(mark, extent.nodes, extent.bytes);
    anchors_.insert_or_assign(anchor, Anchor{node, extent});
  }
  if (stack_.empty()) {
    roots_.push_back(std::move(node));
    return;
  }
  Frame& frame = stack_.back();
  if (frame.node.kind == Node::Kind::Sequence) {
    frame.node.items.push_back(std::move(node));
  } else if (!frame.pending) {
    take_key(frame, node, mark);
  } else if (frame.pending_merge) {
    frame.merges.push_back(std::move(node));
    frame.pending.reset();
  } else {
    frame.pending->value = std::move(node);
    add_field(frame, std::move(*frame.pending));
    frame.pending.reset();
  }
}

void TreeBuilder::take_key(Frame& frame, const Node& key, const YAML::Mark& mark) {
  if (key.kind != Node::Kind::Scalar) throw YAML::ParserException(mark, "a key must be text");
  frame.pending.emplace();
  frame.pending->key = key.text;
  frame.pending->line = key.line;
  frame.pending->column = key.column;
  frame.pending_merge = !key.quoted && key.text == "<<";
}

void TreeBuilder::add_field(Frame& frame, Field field) {
  std::vector<Field>& fields = frame.node.fields;
  if (fields.size() < kLinearKeys) {
    const auto has_key = [&field](const Field& other) { return other.key == field.key; };
    field.repeated = std::any_of(fields.begin(), fields.end(), has_key);
  } else {
    if (frame.keys.empty()) {
      for (const Field& other : fields) frame.keys.insert(other.key);
    }
    field.repeated = !frame.keys.insert(field.key).second;
  }
  fields.push_back(std::move(field));
}

/// `<<: *base` adds the fields the map does not have itself; of several sources the first one counts.
void TreeBuilder::merge(Frame& frame, const Node& source) {
  if (source.kind == Node::Kind::Sequence) {
    for (const Node& item : source.items) merge(frame, item);
    return;
  }
  if (source.kind != Node::Kind::Map) throw YAML::ParserException(frame.mark, "<< takes objects only");
  for (const Field& field : frame.node.fields) frame.keys.insert(field.key);
  for (const Field& field : source.fields) {
    if (frame.keys.insert(field.key).second) frame.node.fields.push_back(field);
  }
}

struct Chunk {
  std::string_view text;
  int first_line = 1;
};

/// "---" or "..." at the start of a line and followed by white space: in YAML that ends a document wherever it stands,
/// even inside quotes.
bool is_marker(std::string_view line) {
  if (!line.starts_with("---") && !line.starts_with("...")) return false;
  return line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r';
}

std::vector<Chunk> split_documents(std::string_view text) {
  std::vector<Chunk> chunks;
  std::size_t begin = 0;
  int first_line = 1, line_number = 1;
  for (std::size_t at = 0; at < text.size(); ++line_number) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (at > begin && is_marker(line)) {
      chunks.push_back({text.substr(begin, at - begin), first_line});
      begin = at;
      first_line = line_number;
    }
    at = end + 1;
    if (line.starts_with("...") && is_marker(line)) {
      begin = std::min(at, text.size());
      first_line = line_number + 1;
    }
  }
  if (begin < text.size()) chunks.push_back({text.substr(begin), first_line});
  return chunks;
}

/// Length of the UTF-8 sequence at the start, 0 if it is none or a control character YAML forbids.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return (lead < 0x20 && lead != '\t' && lead != '\n' && lead != '\r') || lead == 0x7F ? 0 : 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0u) != 0x80u) return 0;
  }
  const unsigned char next = byte(1);
  const bool overlong = (lead == 0xE0 && next < 0xA0) || (lead == 0xF0 && next < 0x90);
  const bool outside = (lead == 0xED && next >= 0xA0) || (lead == 0xF4 && next >= 0x90);
  return overlong || outside ? 0 : length;
}

/// yaml-cpp stops silently at some control characters, and labels go on to JSON and the ruleset: so plain text only.
std::optional<std::size_t> find_bad_byte(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequence_length(text.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return std::nullopt;
}

policy::Diagnostic problem_at(const std::string& file, int line, int column, std::string message) {
  return {.where = {.file = file, .line = line, .column = column},
          .severity = policy::Severity::Error,
          .object = {},
          .field = {},
          .message = std::move(message)};
}

/// JSON texts may follow each other without a marker; anything else that goes on after its end is a mistake.
bool starts_like_json(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

/// Absent if the chunk is well formed. Roots that came before a mistake count only in JSON, where each stands alone.
std::optional<policy::Diagnostic> parse_chunk(const Chunk& chunk, const std::string& file, TreeBuilder& builder) {
  try {
    MemoryBuffer buffer(chunk.text);
    std::istream input(&buffer);
    YAML::Parser parser(input);
    while (parser.HandleNextDocument(builder)) {
      if (builder.roots().size() < 2) continue;
      const Node& next = builder.roots().back();
      if (starts_like_json(chunk.text) && next.kind == Node::Kind::Map) continue;
      return problem_at(file, next.line, next.column,
                        "malformed document: text after its end; is the indentation right?");
    }
  } catch (const YAML::Exception& error) {
    const int line = error.mark.is_null() ? 0 : error.mark.line;
    const int column = error.mark.is_null() ? 0 : error.mark.column + 1;
    return problem_at(file, chunk.first_line + line, column, "malformed document: " + error.msg);
  }
  return std::nullopt;
}

void read_chunk(const Chunk& chunk, const std::string& file, Budget& budget, DocumentStream& stream) {
  if (const auto bad = find_bad_byte(chunk.text)) {
    const auto lines = std::count(chunk.text.begin(), chunk.text.begin() + static_cast<std::ptrdiff_t>(*bad), '\n');
    stream.problems.push_back(problem_at(file, chunk.first_line + static_cast<int>(lines), 0,
                                         "malformed document: a character that is not UTF-8 text"));
    return;
  }
  TreeBuilder builder(chunk.first_line, budget);
  const auto problem = parse_chunk(chunk, file, builder);
  if (problem) stream.problems.push_back(*problem);
  if (problem && !starts_like_json(chunk.text)) return;
  for (Node& root : builder.take_roots()) {
    if (root.kind != Node::Kind::Null) stream.documents.push_back(std::move(root));
  }
}

}  // namespace

DocumentStream read_yaml(std::string_view text, const std::string& file) {
  DocumentStream stream;
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    stream.problems.push_back(problem_at(file, 1, 0, "malformed document: UTF-16; manifests are UTF-8"));
    return stream;
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  Budget budget;
  for (const Chunk& chunk : split_documents(text)) read_chunk(chunk, file, budget, stream);
  return stream;
}

}  // namespace tierwall::daemon

#include "daemon/ctl/policy_tests.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "daemon/ctl/suggestion.h"
#include "daemon/sources/document.h"
#include "daemon/sources/read_yaml.h"

namespace tierwall::daemon::ctl {

namespace {

const std::vector<std::string> kTestKeys = {"name", "from",   "to",     "proto",  "dport",  "sport",
                                            "icmp", "family", "expect", "staged", "because"};

/// What `because` may name.
const std::vector<std::string> kDeciders = {"tier",
                                            "GlobalNetworkPolicy",
                                            "NetworkPolicy",
                                            "KubernetesNetworkPolicy",
                                            "KubernetesClusterNetworkPolicy",
                                            "KubernetesAdminNetworkPolicy",
                                            "KubernetesBaselineAdminNetworkPolicy",
                                            "Profile",
                                            "HostEndpoint"};

/// Reads one file; collects what is wrong and goes on, so that one run finds every mistake.
class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  PolicyTestFile read(std::string_view text) {
    DocumentStream stream = read_yaml(text, file_);
    result_.problems = std::move(stream.problems);
    for (const Node& document : stream.documents) read_document(document);
    if (result_.tests.empty() && result_.problems.empty()) fail(1, "no 'tests' in this file");
    std::ranges::sort(result_.problems);
    return std::move(result_);
  }

 private:
  void fail(int line, std::string message) {
    result_.problems.push_back({{file_, line, 0}, policy::Severity::Error, "", "", std::move(message)});
  }

  void check_keys(const Node& node, const std::vector<std::string>& known) {
    for (const Field& field : node.fields) {
      if (std::ranges::find(known, field.key) == known.end()) {
        fail(field.line, fmt::format("unknown key '{}'{}", field.key, suggest(field.key, known)));
      } else if (field.repeated) {
        fail(field.line, fmt::format("key '{}' stands twice", field.key));
      }
    }
  }

  void read_document(const Node& document) {
    if (document.kind != Node::Kind::Map) return fail(document.line, "not an object with a list 'tests'");
    check_keys(document, {"tests"});
    const Node* tests = document.find("tests");
    if (tests == nullptr) return;
    if (tests->kind != Node::Kind::Sequence) return fail(tests->line, "tests: not a list");
    for (const Node& test : tests->items) read_test(test);
  }

  void read_test(const Node& node) {
    if (node.kind != Node::Kind::Map)
      return fail(node.line, fmt::format("a test is an object, not {}", describe(node)));
    check_keys(node, kTestKeys);
    PolicyTest test;
    test.where = {file_, node.line, node.column};
    test.name = read_text(node, "name").value_or(fmt::format("test {}", result_.tests.size() + 1));
    test.because = read_text(node, "because");
    if (test.because) check_because(*test.because, node.find("because")->line);
    read_expect(node, test);
    combine(node, test);
    result_.tests.push_back(std::move(test));
  }

  std::optional<std::string> read_text(const Node& node, std::string_view key) {
    const Node* value = node.find(key);
    if (value == nullptr || value->kind == Node::Kind::Null) return std::nullopt;
    if (value->kind == Node::Kind::Scalar) return value->text;
    fail(value->line, fmt::format("{}: must be one value, not {}", key, describe(*value)));
    return std::nullopt;
  }

  /// One text or a list of them.
  std::vector<std::string> read_texts(const Node& node, std::string_view key) {
    const Node* value = node.find(key);
    if (value == nullptr || (value->kind == Node::Kind::Sequence && value->items.empty())) {
      fail(node.line, fmt::format("{}: required", key));
      return {};
    }
    std::vector<std::string> texts;
    const bool many = value->kind == Node::Kind::Sequence;
    for (const Node& item : many ? value->items : std::vector<Node>{*value}) {
      if (item.kind == Node::Kind::Scalar) {
        texts.push_back(item.text);
      } else {
        fail(item.line, fmt::format("{}: must be an endpoint or a list of them, not {}", key, describe(item)));
      }
    }
    return texts;
  }

  void read_expect(const Node& node, PolicyTest& test) {
    if (const auto verdict = read_verdict(node, "expect")) test.expect = *verdict;
    test.staged = read_verdict(node, "staged");
    const Node* expect = node.find("expect");
    if (expect == nullptr || expect->kind == Node::Kind::Null) fail(node.line, "expect: required, allow or deny");
  }

  std::optional<policy::Verdict> read_verdict(const Node& node, std::string_view key) {
    const std::optional<std::string> word = read_text(node, key);
    if (!word) return std::nullopt;
    if (*word == "allow") return policy::Verdict::Allow;
    if (*word == "deny") return policy::Verdict::Deny;
    fail(node.find(key)->line,
         fmt::format("{}: '{}' is neither allow nor deny{}", key, *word, suggest(*word, {"allow", "deny"})));
    return std::nullopt;
  }

  void check_because(const std::string& text, int line) {
    const std::size_t blank = text.find(' ');
    if (blank == 0 || blank == std::string::npos || blank + 1 == text.size()) {
      fail(line, fmt::format("because: '{}' is not KIND NAMESPACE/NAME, KIND NAME or tier NAME", text));
      return;
    }
    const std::string kind = text.substr(0, blank);
    if (std::ranges::find(kDeciders, kind) == kDeciders.end()) {
      fail(line, fmt::format("because: '{}' is no kind of policy{}", kind, suggest(kind, kDeciders)));
    }
  }

  void combine(const Node& node, PolicyTest& test) {
    FlowWords words;
    words.proto = read_text(node, "proto");
    words.dport = read_text(node, "dport");
    words.sport = read_text(node, "sport");
    words.icmp = read_text(node, "icmp");
    words.family = read_text(node, "family");
    const std::vector<std::string> from = read_texts(node, "from");
    const std::vector<std::string> to = read_texts(node, "to");
    // Two long lists make more connections than there is room for.
    if (!to.empty() && from.size() > flows_left_ / to.size()) {
      return fail(node.line, fmt::format("from, to: more than {} connections in this file", kMaxTestedFlows));
    }
    flows_left_ -= from.size() * to.size();
    for (const std::string& source : from) {
      for (const std::string& destination : to) {
        words.from = source;
        words.to = destination;
        test.flows.push_back(words);
      }
    }
  }

  std::string file_;
  std::size_t flows_left_ = kMaxTestedFlows;
  PolicyTestFile result_;
};

}  // namespace

PolicyTestFile read_policy_tests(std::string_view text, const std::string& file) {
  return Reader(file).read(text);
}

}  // namespace tierwall::daemon::ctl

// Recursive descent over selector text (grammar: one alternative per method below). Every level of parentheses and
// every "!" counts against kMaxSelectorDepth, so the stack is bounded whatever the text; lists of && and || are loops.

#include <optional>
#include <string>
#include <utility>

#include "policy/selector.h"

namespace tierwall::policy {

namespace {

using Op = Selector::Op;

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

/// An operator is one word, or two with any number of blanks (also none) between them.
struct OperatorRow {
  Op op;
  std::string_view first;
  std::string_view second;
};

constexpr OperatorRow kOperators[] = {
    {Op::Equals, "==", ""},
    {Op::NotEquals, "!=", ""},
    {Op::Contains, "contains", ""},
    {Op::StartsWith, "starts", "with"},
    {Op::EndsWith, "ends", "with"},
    {Op::NotIn, "not", "in"},
    {Op::In, "in", ""},
};

class SelectorParser {
 public:
  explicit SelectorParser(std::string_view text) : text_(text) {}

  Result<Selector> parse() {
    skip_blanks();
    if (at_end()) return all();
    Result<Selector> selector = parse_or(0);
    if (!selector) return selector;
    skip_blanks();
    if (!at_end()) return error("expected '&&', '||' or the end");
    return selector;
  }

 private:
  using Level = Result<Selector> (SelectorParser::*)(std::size_t);

  Result<Selector> parse_or(std::size_t depth) { return parse_list(Op::Or, "||", &SelectorParser::parse_and, depth); }

  Result<Selector> parse_and(std::size_t depth) {
    return parse_list(Op::And, "&&", &SelectorParser::parse_unary, depth);
  }

  Result<Selector> parse_list(Op op, std::string_view separator, Level parse_operand, std::size_t depth) {
    Selector list{.op = op};
    do {
      Result<Selector> operand = (this->*parse_operand)(depth);
      if (!operand) return operand;
      list.operands.push_back(*std::move(operand));
      skip_blanks();
    } while (take(separator));
    if (list.operands.size() > 1) return list;
    Selector only = std::move(list.operands.front());
    return only;
  }

  Result<Selector> parse_unary(std::size_t depth) {
    bool negated = false;
    skip_blanks();
    while (take("!")) {
      if (++depth > kMaxSelectorDepth) return too_deep();
      negated = !negated;
      skip_blanks();
    }
    Result<Selector> atom = parse_atom(depth);
    if (!atom || !negated) return atom;
    return negation(*std::move(atom));
  }

  Result<Selector> parse_atom(std::size_t depth) {
    if (take("(")) return parse_group(depth + 1);
    const std::size_t start = position_;
    const std::string_view word = take_key();
    if (word.empty()) return error("expected a label, has(), all(), global() or '('");
    if (!take("(")) return parse_comparison(start, word);
    if (word == "has") return parse_has();
    if (word == "all") return parse_constant(Op::All);
    if (word == "global") return parse_constant(Op::Global);
    position_ = start;
    return error("expected has(), all() or global() before '('");
  }

  Result<Selector> parse_group(std::size_t depth) {
    if (depth > kMaxSelectorDepth) return too_deep();
    Result<Selector> selector = parse_or(depth);
    if (!selector) return selector;
    skip_blanks();
    if (!take(")")) return error("expected ')'");
    return selector;
  }

  Result<Selector> parse_has() {
    skip_blanks();
    const std::size_t start = position_;
    const std::string_view key = take_key();
    if (key.empty()) return error("expected a label");
    if (key.size() > kMaxLabelKeyLength) return label_too_long(start);
    skip_blanks();
    if (!take(")")) return error("expected ')'");
    return has(std::string(key));
  }

  Result<Selector> parse_constant(Op op) {
    skip_blanks();
    if (!take(")")) return error("expected ')'");
    return Selector{.op = op};
  }

  Result<Selector> parse_comparison(std::size_t start, std::string_view key) {
    if (key.size() > kMaxLabelKeyLength) return label_too_long(start);
    skip_blanks();
    const std::optional<Op> op = take_operator();
    if (!op) return error("expected ==, !=, in, not in, contains, starts with or ends with");
    skip_blanks();
    if (*op == Op::In || *op == Op::NotIn) return parse_set(*op, key);
    Result<std::string> value = parse_string();
    if (!value) return value.error();
    Selector selector{.op = *op, .key = std::string(key)};
    selector.values.push_back(*std::move(value));
    return selector;
  }

  /// A comma after the last string is fine, one before the first is not: Calico's parser has it so.
  Result<Selector> parse_set(Op op, std::string_view key) {
    std::vector<std::string> values;
    if (!take("{")) return error("expected '{'");
    for (skip_blanks(); !take("}"); skip_blanks()) {
      Result<std::string> value = parse_string();
      if (!value) return value.error();
      values.push_back(*std::move(value));
      skip_blanks();
      if (!take(",") && !ahead("}")) return error("expected ',' or '}'");
    }
    return op == Op::In ? in(std::string(key), std::move(values)) : not_in(std::string(key), std::move(values));
  }

  /// Between the quotes everything is plain content: there are no escapes.
  Result<std::string> parse_string() {
    if (!ahead("'") && !ahead("\"")) return error("expected a value in quotes");
    const std::size_t start = position_ + 1;
    const std::size_t end = text_.find(text_[position_], start);
    if (end == std::string_view::npos) return error("the quote is not closed");
    position_ = end + 1;
    return std::string(text_.substr(start, end - start));
  }

  std::optional<Op> take_operator() {
    const std::size_t start = position_;
    for (const OperatorRow& row : kOperators) {
      if (take(row.first)) {
        if (row.second.empty()) return row.op;
        skip_blanks();
        if (take(row.second)) return row.op;
      }
      position_ = start;
    }
    return std::nullopt;
  }

  std::string_view take_key() {
    const std::size_t start = position_;
    while (!at_end() && is_selector_key_character(text_[position_])) ++position_;
    return text_.substr(start, position_ - start);
  }

  bool at_end() const { return position_ == text_.size(); }
  bool ahead(std::string_view word) const { return text_.substr(position_).starts_with(word); }

  bool take(std::string_view word) {
    if (!ahead(word)) return false;
    position_ += word.size();
    return true;
  }

  void skip_blanks() {
    while (!at_end() && is_blank(text_[position_])) ++position_;
  }

  Error error(std::string_view what) const {
    return malformed("column " + std::to_string(position_ + 1) + ": " + std::string(what));
  }

  Error too_deep() const { return error("nested more than " + std::to_string(kMaxSelectorDepth) + " levels deep"); }

  static Error label_too_long(std::size_t start) {
    return malformed("column " + std::to_string(start + 1) + ": label too long: at most " +
                     std::to_string(kMaxLabelKeyLength) + " bytes");
  }

  std::string_view text_;  // of the caller, who outlives the parser
  std::size_t position_ = 0;
};

}  // namespace

bool is_selector_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '/' || c == '-';
}

Result<Selector> parse_selector(std::string_view text) {
  if (text.size() > kMaxSelectorLength) {
    return malformed("column " + std::to_string(kMaxSelectorLength + 1) + ": selector too long: at most " +
                     std::to_string(kMaxSelectorLength) + " bytes");
  }
  return SelectorParser(text).parse();
}

}  // namespace tierwall::policy

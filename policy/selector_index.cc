#include "policy/selector_index.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "policy/result.h"

namespace tierwall::policy {

namespace {

/// Everything with labels of its own may fulfil a mere presence, and every pod is of the orchestrator.
bool says_little(const RequiredLabel& label) {
  return !label.values || label.key == kOrchestratorLabel;
}

void erase_number(std::vector<SelectorIndex::Number>& numbers, SelectorIndex::Number number) {
  const auto at = std::ranges::find(numbers, number);
  TIERWALL_CHECK(at != numbers.end());
  numbers.erase(at);
}

}  // namespace

std::vector<RequiredLabel> required_labels(const Selector& selector) {
  switch (selector.op) {
    case Selector::Op::Equals:
    case Selector::Op::In:
      return {{selector.key, selector.values}};
    case Selector::Op::Has:
    case Selector::Op::Contains:
    case Selector::Op::StartsWith:
    case Selector::Op::EndsWith:
      return {{selector.key}};
    case Selector::Op::And: {
      std::vector<RequiredLabel> labels;
      for (const Selector& operand : selector.operands) {
        std::ranges::move(required_labels(operand), std::back_inserter(labels));
      }
      return labels;
    }
    // An absent label fulfils these, or may.
    case Selector::Op::NotEquals:
    case Selector::Op::NotIn:
    case Selector::Op::Not:
    case Selector::Op::Or:
    case Selector::Op::All:
    case Selector::Op::Global:
      break;
  }
  return {};
}

std::optional<std::string> required_namespace(const Selector& selector) {
  for (const RequiredLabel& label : required_labels(selector)) {
    if (label.key == kNamespaceLabel && label.values && label.values->size() == 1) return label.values->front();
  }
  return std::nullopt;
}

/// How many are filed where this label would be looked for.
std::size_t SelectorIndex::company(const RequiredLabel& label) const {
  const auto filed = by_key_.find(label.key);
  if (filed == by_key_.end()) return 0;
  if (!label.values) return filed->second.of_any_value.size();
  std::size_t most = 0;
  for (const std::string& value : *label.values) {
    const auto bucket = filed->second.by_value.find(value);
    if (bucket != filed->second.by_value.end()) most = std::max(most, bucket->second.size());
  }
  return most;
}

std::optional<RequiredLabel> SelectorIndex::choose_label(const Selector& selector) const {
  std::vector<RequiredLabel> labels = required_labels(selector);
  const auto best = std::ranges::min_element(
      labels, {}, [this](const RequiredLabel& label) { return std::pair(says_little(label), company(label)); });
  return best == labels.end() ? std::nullopt : std::optional(std::move(*best));
}

void SelectorIndex::add(Number number, const Selector& selector) {
  std::optional<RequiredLabel> label = choose_label(selector);
  if (!label) {
    always_.push_back(number);
  } else if (!label->values) {
    by_key_[label->key].of_any_value.push_back(number);
  } else {
    Filed& filed = by_key_[label->key];
    for (const std::string& value : *label->values) filed.by_value[value].push_back(number);
  }
  TIERWALL_CHECK(selectors_.emplace(number, Entry{&selector, std::move(label)}).second);
}

void SelectorIndex::remove(Number number) {
  const auto entry = selectors_.find(number);
  TIERWALL_CHECK(entry != selectors_.end());
  const std::optional<RequiredLabel> label = std::move(entry->second.filed);
  selectors_.erase(entry);
  if (!label) return erase_number(always_, number);
  const auto filed = by_key_.find(label->key);
  if (!label->values) {
    erase_number(filed->second.of_any_value, number);
  } else {
    for (const std::string& value : *label->values) {
      const auto bucket = filed->second.by_value.find(value);
      erase_number(bucket->second, number);
      if (bucket->second.empty()) filed->second.by_value.erase(bucket);
    }
  }
  if (filed->second.by_value.empty() && filed->second.of_any_value.empty()) by_key_.erase(filed);
}

std::vector<SelectorIndex::Number> SelectorIndex::matching(const LabelScope& scope) const {
  std::vector<Number> found;
  append_matching(always_, scope, found);
  for (const auto& [key, filed] : by_key_) {
    const std::optional<std::string_view> value = scope.find(key);
    if (!value) continue;
    append_matching(filed.of_any_value, scope, found);
    const auto bucket = filed.by_value.find(*value);
    if (bucket != filed.by_value.end()) append_matching(bucket->second, scope, found);
  }
  std::ranges::sort(found);
  return found;
}

void SelectorIndex::append_matching(const std::vector<Number>& candidates, const LabelScope& scope,
                                    std::vector<Number>& found) const {
  for (const Number number : candidates) {
    if (matches(*selectors_.at(number).selector, scope)) found.push_back(number);
  }
}

}  // namespace tierwall::policy

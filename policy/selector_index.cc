#include "policy/selector_index.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "policy/result.h"

namespace tierwall::policy {

namespace {

/// The fewer things fulfil a condition, the better it is to file under: values before mere presence, and what
/// everything in a namespace or every pod has after what is a thing's own.
int quality(const RequiredLabel& label) {
  if (!label.values) return label.key == kOrchestratorLabel ? 0 : 1;
  if (label.key == kOrchestratorLabel) return 0;
  return label.key == kNamespaceLabel || label.key.starts_with(kNamespacePrefix) ? 2 : 3;
}

std::optional<RequiredLabel> best_label(const Selector& selector) {
  const std::vector<RequiredLabel> labels = required_labels(selector);
  const auto best = std::ranges::max_element(labels, {}, quality);
  return best == labels.end() ? std::nullopt : std::optional(*best);
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

void SelectorIndex::add(Number number, const Selector& selector) {
  TIERWALL_CHECK(selectors_.emplace(number, &selector).second);
  const std::optional<RequiredLabel> label = best_label(selector);
  if (!label) return always_.push_back(number);
  Filed& filed = by_key_[label->key];
  if (!label->values) return filed.of_any_value.push_back(number);
  for (const std::string& value : *label->values) filed.by_value[value].push_back(number);
}

void SelectorIndex::remove(Number number) {
  const auto selector = selectors_.find(number);
  TIERWALL_CHECK(selector != selectors_.end());
  const std::optional<RequiredLabel> label = best_label(*selector->second);
  selectors_.erase(selector);
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
    if (matches(*selectors_.at(number), scope)) found.push_back(number);
  }
}

}  // namespace tierwall::policy

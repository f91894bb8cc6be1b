#include "daemon/sources/decode_place.h"

#include <algorithm>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

constexpr std::size_t kUsualSteps = 64;     // more than most pods take
constexpr std::size_t kMaxPlainKey = 64;    // longer keys are shortened
constexpr char kPathMarks[] = ". []/\n\t";  // what a path has a meaning for, or cannot show

/// A key may be any text; a path stays one readable line.
std::string print_key(const std::string& key) {
  std::string shown = key.size() <= kMaxPlainKey ? key : quote(key);
  return shown.find_first_of(kPathMarks) == std::string::npos ? shown : fmt::format("[{}]", quote(key));
}

}  // namespace

Places::Id Places::add(const Step& step) {
  if (steps_.empty()) steps_.reserve(kUsualSteps);
  steps_.push_back(step);
  return static_cast<Id>(steps_.size());
}

Places::Id Places::field(Id parent, const Field& field) {
  return add({.parent = parent, .field = &field, .index = 0});
}

Places::Id Places::item(Id parent, std::size_t index) {
  return add({.parent = parent, .field = nullptr, .index = index});
}

std::string Places::print(Id place) const {
  std::vector<std::string> parts;
  for (; place != kRoot; place = steps_[place - 1].parent) {
    const Step& step = steps_[place - 1];
    parts.push_back(step.field == nullptr ? fmt::format("[{}]", step.index) : print_key(step.field->key));
  }
  std::string path;
  std::for_each(parts.rbegin(), parts.rend(), [&path](const std::string& part) {
    if (!path.empty() && !part.starts_with('[')) path += '.';
    path += part;
  });
  return path;
}

}  // namespace tierwall::daemon

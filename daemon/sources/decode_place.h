#pragma once
// Where in a document a decoder is: "spec.ingress[0].ports[1].port". Places are noted as steps from one to the next and
// become text only for who complains, because nearly every object is read without a complaint.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "daemon/sources/document.h"

namespace tierwall::daemon {

class Places {
 public:
  using Id = std::uint32_t;
  static constexpr Id kRoot = 0;

  /// Borrows the field until the last print of a place at or below it.
  Id field(Id parent, const Field& field);
  Id item(Id parent, std::size_t index);
  /// On one line, whatever the keys hold. Empty for the root.
  [[nodiscard]] std::string print(Id place) const;

 private:
  struct Step {
    Id parent = kRoot;
    const Field* field = nullptr;  // null: an item
    std::size_t index = 0;
  };

  Id add(const Step& step);

  std::vector<Step> steps_;  // the root has none
};

}  // namespace tierwall::daemon

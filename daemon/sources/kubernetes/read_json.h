#pragma once
// JSON text -> document trees, as far as they are of use: a projection says which fields are kept, so that the large
// rest of an object (managedFields, container specs) is passed over and never becomes a tree. The only place that
// knows simdjson.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/sources/document.h"
#include "policy/result.h"

namespace tierwall::daemon {

/// Which fields of an object are kept. Paths are field names joined by dots; lists are passed through, and "[]" behind
/// the name of a list is for the reader: "spec.containers[].ports".
class Projection {
 public:
  /// Everything but some paths.
  static Projection whole(const std::vector<std::string_view>& dropped = {});
  /// Some paths with everything below them. What is written in place of an object on the way is kept, too, so that
  /// who reads the tree can say that it is no object.
  static Projection only(const std::vector<std::string_view>& kept);

  /// One field on the way.
  struct Step {
    enum class Fields { All, Listed, None };

    std::string name;
    Fields fields = Fields::All;  ///< of those that `listed` does not name
    std::vector<Step> listed;

    /// What becomes of a field; null: it is kept whole.
    [[nodiscard]] const Step* find(std::string_view field) const;
    friend bool operator==(const Step&, const Step&) = default;
  };
  [[nodiscard]] const Step& root() const { return root_; }
  friend bool operator==(const Projection&, const Projection&) = default;

 private:
  explicit Projection(Step root) : root_(std::move(root)) {}

  Step root_;
};

/// One frame of a watch.
struct WatchFrame {
  std::string type;  ///< "ADDED"
  Node object;

  friend bool operator==(const WatchFrame&, const WatchFrame&) = default;
};

/// Keeps its buffers from one text to the next; they are as large as the largest text was.
class JsonReader {
 public:
  JsonReader();
  ~JsonReader();
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  /// One object or list. Numbers keep their text; lines and columns are 0; repeated keys are kept and marked.
  /// Malformed if it is no JSON in UTF-8, nested deeper than kMaxDocumentDepth where it is kept, or a plain value.
  Result<Node> read(std::string_view text, const Projection& projection);
  /// {"type": ..., "object": ...}. The projection is for objects that were added, modified or deleted; of bookmarks and
  /// errors everything is kept.
  Result<WatchFrame> read_frame(std::string_view text, const Projection& projection);

 private:
  struct Buffers;

  std::unique_ptr<Buffers> buffers_;
};

}  // namespace tierwall::daemon

#pragma once
// The objects behind the fake API server, as etcd and the watch cache hold them: one resourceVersion that rises with
// every write of any resource, and per resource the objects in key order and the log of what happened to them.
// Thread-safe: tests write while connections read. Misuse by a test throws std::invalid_argument.
//
// Faithful in: a write that changes nothing makes no event; the body of a deleted object carries the resourceVersion of
// its deletion; compaction makes every older resourceVersion 410; lists of the past show the past.
// Not so: deleting a namespace deletes nothing inside it.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/fake_api/resource_table.h"

namespace tierwall::fake_api {

/// One version of one object; immutable.
struct Stored {
  std::string key{};  ///< "shop/web", "node-1": lists are sorted by it
  std::string name_space{};
  std::uint64_t version = 0;
  nlohmann::json body{};
  std::string text{};  ///< of the body without kind and apiVersion
};
using StoredPointer = std::shared_ptr<const Stored>;

struct StoredEvent {
  std::uint64_t version = 0;
  StoredPointer before{};  ///< null: created
  StoredPointer after{};   ///< null: deleted
};

struct Listing {
  std::uint64_t version = 0;
  std::size_t position = 0;  ///< in the event log: what happens after this listing starts there
  std::vector<StoredPointer> objects{};
};

struct Tail {
  std::vector<StoredEvent> events{};
  std::uint64_t version = 0;  ///< everything up to here is in the log
  bool served = true;
};

/// What becomes of the objects of a resource that is served no longer.
enum class Vanish {
  DeletesObjects,  ///< as when a CRD is deleted: each object is DELETED, then the streams end
  HidesObjects,    ///< the streams just end and 404 follows; serve() shows the same objects again
};

class ObjectStore {
 public:
  /// Built-in resources are served, custom ones not yet.
  ObjectStore();

  /// Called after every change, without any lock held, on the thread that made the change.
  void on_change(std::function<void()> notify);

  // What tests do.

  /// `path`: of a resource, or of a whole group and version ("/apis/projectcalico.org/v3").
  void serve(std::string_view path);
  void stop_serving(std::string_view path, Vanish vanish = Vanish::DeletesObjects);
  /// Creates or replaces. Gives back the object's resourceVersion.
  std::uint64_t put(nlohmann::json object);
  /// Every object of YAML or JSON text, lists too. Gives back the last one's resourceVersion.
  std::uint64_t put_manifest(std::string_view text);
  /// The same as put() with an annotation that long: one object of any size.
  std::uint64_t put_giant(nlohmann::json object, std::size_t annotation_bytes);
  /// "Pod/shop/web", "Namespace/shop"; a kind of two APIs means the built-in one. False: there was none.
  bool remove(std::string_view reference);
  /// By apiVersion, kind and metadata.
  bool remove_object(const nlohmann::json& object);
  /// Writes of resources nobody watches: only the resourceVersion rises.
  std::uint64_t advance(std::uint64_t writes = 1);
  /// Forgets the past: every resourceVersion before the present one is too old from now on.
  void compact();
  [[nodiscard]] std::uint64_t version() const;

  // What connections ask.

  [[nodiscard]] bool served(const ResourceType& type) const;
  [[nodiscard]] StoredPointer find(const ResourceType& type, const std::string& name_space,
                                   const std::string& name) const;
  [[nodiscard]] Listing list(const ResourceType& type) const;
  /// As it was at that version; absent if that is too old. Pre: version <= version().
  [[nodiscard]] std::optional<Listing> list_at(const ResourceType& type, std::uint64_t version) const;
  [[nodiscard]] bool too_old(std::uint64_t version) const;
  /// Where in the log the events after that version start.
  [[nodiscard]] std::size_t position_after(const ResourceType& type, std::uint64_t version) const;
  [[nodiscard]] Tail tail(const ResourceType& type, std::size_t position, std::size_t most) const;

 private:
  struct Shelf {
    bool served = false;
    std::map<std::string, StoredPointer> objects;
    std::vector<StoredEvent> events;
  };

  Shelf& shelf(const ResourceType& type) { return shelves_.at(&type); }
  [[nodiscard]] const Shelf& shelf(const ResourceType& type) const { return shelves_.at(&type); }
  void write(Shelf& shelf, const std::string& key, StoredPointer after);
  void delete_object(Shelf& shelf, const std::string& key);
  bool remove(const ResourceType& type, const std::string& key);
  void notify() const;

  mutable std::mutex mutex_;
  std::map<const ResourceType*, Shelf> shelves_;
  std::uint64_t version_ = 1000;
  std::uint64_t oldest_ = 0;
  std::uint64_t serial_ = 0;
  std::function<void()> notify_;
};

/// The object with kind and apiVersion in front, as a watch sends it.
std::string typed_text(const ResourceType& type, const Stored& stored);
/// The same with another resourceVersion in its metadata.
std::string typed_text_at(const ResourceType& type, const Stored& stored, std::uint64_t version);

}  // namespace tierwall::fake_api

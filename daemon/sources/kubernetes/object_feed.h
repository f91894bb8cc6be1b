#pragma once
// One reflector and what its objects mean: every new version is decoded into a resource event. Where several feeds see
// the same objects (the pods of this node, of a namespace, of the cluster), an object counts while any of them knows
// it, and its newest version counts.

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "daemon/sources/kubernetes/kubernetes_kinds.h"
#include "daemon/sources/kubernetes/reflector.h"
#include "policy/inventory.h"

namespace tierwall::daemon {

inline constexpr std::string_view kKubernetesSource = "kubernetes";

class ObjectFeed final : private ReflectorSink {
 public:
  static constexpr std::size_t kMaxUnreadable = 20;  ///< listed; further ones are not

  /// Called while the transport delivers; must not destroy feeds then.
  class Owner {
   public:
    virtual ~Owner() = default;

    /// Another feed of the same resource brought this version of the object, or a newer one.
    [[nodiscard]] virtual bool has_version(const ObjectFeed& asking, const ObjectName& name,
                                           const std::string& version) const = 0;
    virtual void on_event(policy::ResourceEvent event) = 0;
    /// This feed does not know the object any more; others may.
    virtual void on_gone(const ObjectFeed& from, const policy::ResourceKey& key) = 0;
    virtual void on_synced() = 0;
    virtual void on_pause() = 0;
  };

  ObjectFeed(const KubernetesKind& row, Collection collection, HttpTransport& transport, const Clock& clock,
             Random random, JsonReader& reader, Owner& owner, std::chrono::microseconds first_delay);

  [[nodiscard]] const KubernetesKind& row() const { return row_; }
  [[nodiscard]] Reflector& reflector() { return reflector_; }
  [[nodiscard]] const Reflector& reflector() const { return reflector_; }
  [[nodiscard]] bool knows(const policy::ResourceKey& key) const;
  [[nodiscard]] std::vector<policy::ResourceKey> keys() const;
  [[nodiscard]] policy::ResourceEvent gone(const policy::ResourceKey& key) const;
  /// Objects of the last full read and since that could not be read, and whose names nobody knows.
  [[nodiscard]] std::vector<policy::Diagnostic> problems() const;

 private:
  void on_upsert(const ObjectName& name, const std::string& resource_version, Node object) override;
  void on_gone(const ObjectName& name) override;
  void on_unreadable(std::string what) override;
  void on_full_read() override { unreadable_.clear(); }
  void on_synced() override { owner_.on_synced(); }
  void on_pause() override { owner_.on_pause(); }

  [[nodiscard]] policy::ResourceKey key_of(const ObjectName& name) const;
  [[nodiscard]] std::string location(const std::string& path) const;
  [[nodiscard]] policy::ResourceEvent decode(const ObjectName& name, Node object) const;
  void remember_key(const ObjectName& name, const policy::ResourceKey& key);

  const KubernetesKind& row_;
  Owner& owner_;
  /// Objects that are called otherwise than where they are stored.
  std::map<ObjectName, std::string> renamed_;
  std::vector<std::string> unreadable_;
  Reflector reflector_;
};

}  // namespace tierwall::daemon

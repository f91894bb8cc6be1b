// The zero-trust walk of a daemon that follows an API server over TLS.

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "tests/fake_api/manifest_json.h"
#include "tests/lab/zero_trust_walk.h"
#include "tests/netns/api_server_on_node.h"

namespace tierwall::lab {
namespace {

constexpr const char* kToken = "walk-token";
constexpr const char* kStoredCalico = "crd.projectcalico.org/v1";

/// Behind Calico's own API all objects are of the stored version, and that is what the daemon follows.
nlohmann::json as_stored(nlohmann::json object) {
  if (object.at("apiVersion") == "projectcalico.org/v3") object["apiVersion"] = kStoredCalico;
  return object;
}

std::uint64_t number_of(const std::string& version) {
  std::uint64_t number = 0;
  std::from_chars(version.data(), version.data() + version.size(), number);
  return number;
}

class ApiServerFeed final : public WalkFeed {
 public:
  explicit ApiServerFeed(const Host& node) : api_(node) {
    api_.server.script().accept_token(kToken);
    api_.server.store().serve(std::string("/apis/") + kStoredCalico);
    put({{"apiVersion", "v1"},
         {"kind", "Node"},
         {"metadata", {{"name", "node-1"}}},
         {"spec", {{"podCIDRs", kWalkPodCidrs}}}});
  }

  [[nodiscard]] DaemonOptions daemon_options() const override {
    return {.kubeconfig = api_.kubeconfig(std::string("token: ") + kToken)};
  }

  void add(const Daemon& daemon, const std::vector<std::filesystem::path>& files) override {
    daemon.copy_manifests(files);
    for (const std::filesystem::path& file : files) {
      std::ifstream stream(file);
      const std::string text{std::istreambuf_iterator<char>(stream), {}};
      for (nlohmann::json& object : fake_api::manifest_to_json(text)) put(as_stored(std::move(object)));
    }
  }

  daemon::StatusReport wait_applied(const Daemon& daemon, std::uint64_t before) override {
    return daemon.wait_settled(before, [this](const daemon::StatusReport& report) {
      return report.state == daemon::State::InSync &&
             std::all_of(written_.begin(), written_.end(), [&report](const auto& written) {
               return has_arrived(report.sources.front(), written.first, written.second);
             });
    });
  }

 private:
  void put(nlohmann::json object) {
    const auto* type =
        fake_api::find_resource_type(object.at("apiVersion").get<std::string>(), object.at("kind").get<std::string>());
    const std::string path = type == nullptr ? std::string() : type->path();
    written_[path] = api_.server.store().put(std::move(object));
  }

  static bool has_arrived(const daemon::SourceStatus& source, const std::string& path, std::uint64_t version) {
    return std::any_of(source.collections.begin(), source.collections.end(), [&](const auto& collection) {
      const bool here = collection.path == path || collection.path.starts_with(path + " (");
      return here && number_of(collection.resource_version) >= version;
    });
  }

  ApiServerOnNode api_;
  std::map<std::string, std::uint64_t> written_;  ///< last version by path of the collection
};

}  // namespace
}  // namespace tierwall::lab

int main(int argc, char** argv) {
  return tierwall::lab::walk_main(argc, argv, [](const tierwall::lab::Lab& lab) {
    return std::make_unique<tierwall::lab::ApiServerFeed>(lab.node());
  });
}

#include "daemon/ctl/host_facts.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <sys/statvfs.h>
#include <sys/timex.h>

#include <nlohmann/json.hpp>

#include "daemon/state/open_state.h"

namespace tierwall::daemon::ctl {

namespace {

namespace fs = std::filesystem;

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::optional<std::string> read_line(const std::string& path) {
  std::optional<std::string> text = read_text(path);
  if (text) text->resize(std::min(text->find('\n'), text->size()));
  return text;
}

std::optional<std::uint64_t> read_number(const std::string& path) {
  const std::optional<std::string> text = read_line(path);
  std::uint64_t number = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), number).ec != std::errc())
    return std::nullopt;
  return number;
}

std::vector<std::string> read_lines(const std::string& path) {
  std::istringstream text(read_text(path).value_or(""));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> list(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code failure;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, failure)) {
    names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

bool is_there(const std::string& path) {
  std::error_code failure;
  return fs::exists(path, failure);
}

std::vector<std::string> find_bridges(const std::string& root) {
  const std::string interfaces = root + "/sys/class/net";
  std::vector<std::string> bridges = list(interfaces);
  std::erase_if(bridges, [&](const std::string& name) { return !is_there(interfaces + "/" + name + "/bridge"); });
  return bridges;
}

std::vector<std::string> find_other_firewalls(const std::string& root) {
  std::vector<std::string> found;
  if (is_there(root + "/sys/fs/cgroup/system.slice/firewalld.service")) found.emplace_back("firewalld");
  const std::vector<std::string> ufw = read_lines(root + "/etc/ufw/ufw.conf");
  if (std::ranges::find(ufw, "ENABLED=yes") != ufw.end()) found.emplace_back("ufw");
  return found;
}

void add_type(const nlohmann::json& plugin, std::vector<std::string>& types) {
  const auto type = plugin.is_object() ? plugin.find("type") : plugin.end();
  if (plugin.is_object() && type != plugin.end() && type->is_string()) types.push_back(type->get<std::string>());
}

/// The runtime takes the first configuration by name.
std::vector<std::string> find_cni_plugins(const std::string& root) {
  const std::string folder = root + "/etc/cni/net.d";
  for (const std::string& name : list(folder)) {
    if (!name.ends_with(".conflist") && !name.ends_with(".conf")) continue;
    const std::string text = read_text(fs::path(folder) / name).value_or("");
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) continue;
    std::vector<std::string> types;
    add_type(json, types);
    const auto plugins = json.find("plugins");
    if (plugins != json.end() && plugins->is_array()) {
      for (const nlohmann::json& plugin : *plugins) add_type(plugin, types);
    }
    return types;
  }
  return {};
}

/// Its first three lines are headings.
bool has_ipvs_services(const std::string& root) {
  constexpr std::size_t kHeadings = 3;
  return read_lines(root + "/proc/net/ip_vs").size() > kHeadings;
}

bool clock_is_set() {
  timex query{};
  return adjtimex(&query) != TIME_ERROR;
}

std::optional<std::uint64_t> bytes_free(const std::string& file) {
  struct statvfs status {};
  if (statvfs(fs::path(file).parent_path().c_str(), &status) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

std::optional<std::string> find_state_trouble(const std::string& file) {
  const auto store = open_state_for_reading(file);
  if (!store) return store.error().message;
  const Result<Remembered> remembered = (*store)->load();
  return remembered ? std::nullopt : std::optional(remembered.error().message);
}

}  // namespace

HostFacts read_host_facts(const std::string& root, const std::string& state_file) {
  const std::string sys = root + "/proc/sys/";
  return {.kernel = read_line(sys + "kernel/osrelease").value_or(""),
          .bridges = find_bridges(root),
          .bridge_nf_call = read_line(sys + "net/bridge/bridge-nf-call-iptables"),
          .bridge_nf_call6 = read_line(sys + "net/bridge/bridge-nf-call-ip6tables"),
          .ip_forward = read_line(sys + "net/ipv4/ip_forward"),
          .connections = read_number(sys + "net/netfilter/nf_conntrack_count"),
          .connections_most = read_number(sys + "net/netfilter/nf_conntrack_max"),
          .legacy_tables = read_lines(root + "/proc/net/ip_tables_names"),
          .other_firewalls = find_other_firewalls(root),
          .cni_plugins = find_cni_plugins(root),
          .has_ipvs_services = has_ipvs_services(root),
          .clock_is_set = clock_is_set(),
          .state_bytes_free = bytes_free(root + state_file),
          .state_trouble = find_state_trouble(root + state_file)};
}

}  // namespace tierwall::daemon::ctl

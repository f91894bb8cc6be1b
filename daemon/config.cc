#include "daemon/config.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <charconv>
#include <cstring>
#include <limits>

#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "daemon/sources/load_world.h"

namespace tierwall::daemon {

namespace {

using policy::Diagnostic;
using policy::Location;

/// One value of the file on its way into the Config, with everything an error about it needs.
class Entry {
 public:
  Entry(std::string key, const toml::node& node, const std::string& file, ConfigReading& reading)
      : key_(std::move(key)), node_(node), file_(file), reading_(reading) {}

  [[nodiscard]] const toml::node& node() const { return node_; }
  [[nodiscard]] Config& config() const { return reading_.config; }

  void error(const std::string& message) const { error_at(node_, message); }
  void error_at(const toml::node& node, const std::string& message) const {
    const toml::source_position place = node.source().begin;
    reading_.errors.push_back({.where = Location{file_, static_cast<int>(place.line), static_cast<int>(place.column)},
                               .severity = policy::Severity::Error,
                               .object = "",
                               .field = key_,
                               .message = message});
  }

  /// The value as a string, or an error and nothing.
  [[nodiscard]] std::optional<std::string> text() const { return text_of(node_); }
  [[nodiscard]] std::optional<std::string> text_of(const toml::node& node) const {
    if (const toml::value<std::string>* value = node.as_string()) return value->get();
    error_at(node, fmt::format("expected a string, got {}", describe(node)));
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::string> filled_text() const {
    std::optional<std::string> value = text();
    if (!value || !value->empty()) return value;
    error("must not be empty");
    return std::nullopt;
  }

  /// Calls `take(item, text)` for every string of an array.
  template <typename Take>
  void for_each_text(const Take& take) const {
    const toml::array* items = node_.as_array();
    if (items == nullptr) return error(fmt::format("expected an array of strings, got {}", describe(node_)));
    for (const toml::node& item : *items) {
      if (const std::optional<std::string> value = text_of(item)) take(item, *value);
    }
  }

  /// The position of the value among `words`, or an error and nothing.
  template <std::size_t N>
  [[nodiscard]] std::optional<std::size_t> one_of(const std::array<std::string_view, N>& words) const {
    const std::optional<std::string> value = text();
    if (!value) return std::nullopt;
    const auto found = std::find(words.begin(), words.end(), *value);
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
    error(fmt::format("'{}' is none of \"{}\"", *value, fmt::join(words, "\", \"")));
    return std::nullopt;
  }

  static std::string_view describe(const toml::node& node) {
    switch (node.type()) {
      case toml::node_type::table:
        return "a table";
      case toml::node_type::array:
        return "an array";
      case toml::node_type::string:
        return "a string";
      case toml::node_type::integer:
        return "an integer";
      case toml::node_type::floating_point:
        return "a number";
      case toml::node_type::boolean:
        return "a boolean";
      default:
        return "a date or time";
    }
  }

 private:
  std::string key_;
  const toml::node& node_;
  const std::string& file_;
  ConfigReading& reading_;
};

// ---- one function per key ------------------------------------------------------------------------------------

void read_node_name(const Entry& entry) {
  const std::optional<std::string> name = entry.filled_text();
  if (!name) return;
  const bool valid =
      name->size() <= 253 && std::all_of(name->begin(), name->end(), [](char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '-' || letter == '.';
      });
  if (!valid)
    return entry.error(fmt::format("'{}' is not a node name (lower case letters, digits, '-' and '.')", *name));
  entry.config().node_name = *name;
}

void read_pod_cidrs(const Entry& entry) {
  entry.for_each_text([&entry](const toml::node& item, const std::string& text) {
    const Result<policy::Prefix> prefix = policy::parse_prefix(text);
    if (!prefix) return entry.error_at(item, prefix.error().message);
    entry.config().compile.pod_cidrs.push_back(*prefix);
  });
}

void read_directory(const Entry& entry) {
  if (const auto path = entry.filled_text()) entry.config().directory = *path;
}

void read_kubeconfig_path(const Entry& entry) {
  const auto path = entry.filled_text();
  if (!path) return;
  if (!entry.config().kubernetes) entry.config().kubernetes.emplace();
  entry.config().kubernetes->kubeconfig = *path;
}

void read_kubernetes_context(const Entry& entry) {
  const auto context = entry.filled_text();
  if (!context) return;
  if (!entry.config().kubernetes) entry.config().kubernetes.emplace();
  entry.config().kubernetes->context = *context;
}

void read_cni_results(const Entry& entry) {
  if (const auto path = entry.filled_text()) entry.config().cni_results = *path;
}

void read_restore_fallback(const Entry& entry) {
  constexpr std::array<std::string_view, 3> kWords = {"auto", "none", "deny"};
  constexpr std::array kFallbacks = {RestoreFallback::IfHostPolicy, RestoreFallback::None, RestoreFallback::Deny};
  if (const auto word = entry.one_of(kWords)) entry.config().restore_fallback = kFallbacks[*word];
}

void read_state_path(const Entry& entry) {
  if (const auto path = entry.filled_text()) entry.config().state_file = *path;
}

void read_control_socket(const Entry& entry) {
  const std::optional<std::string> path = entry.filled_text();
  if (!path) return;
  constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  if (path->size() > kLongest) return entry.error(fmt::format("a socket path has at most {} bytes", kLongest));
  entry.config().control_socket = *path;
}

void read_deny(const Entry& entry) {
  constexpr std::array<std::string_view, 2> kWords = {"drop", "reject"};
  const std::optional<std::size_t> word = entry.one_of(kWords);
  if (!word) return;
  entry.config().deny = *word == 0 ? DenyAction::Drop : DenyAction::Reject;
}

/// A number, or the text of one in hexadecimal as other tools write marks.
std::optional<std::int64_t> read_number(const toml::node& node) {
  if (const toml::value<std::int64_t>* number = node.as_integer()) return number->get();
  const toml::value<std::string>* text = node.as_string();
  if (text == nullptr || !(text->get().starts_with("0x") || text->get().starts_with("0X"))) return std::nullopt;
  const std::string_view digits = std::string_view(text->get()).substr(2);
  std::uint32_t number = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (failure != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

void read_mark(const Entry& entry) {
  const std::optional<std::int64_t> number = read_number(entry.node());
  const bool one_bit = number && *number > 0 && *number <= std::numeric_limits<std::uint32_t>::max() &&
                       std::has_single_bit(static_cast<std::uint32_t>(*number));
  if (!one_bit) return entry.error("must be one bit of 32, as a number or as text: 0x02000000, \"0x02000000\"");
  entry.config().mark = static_cast<std::uint32_t>(*number);
}

void read_established(const Entry& entry) {
  using Established = nft::CompileOptions::Established;
  constexpr std::array<std::string_view, 2> kWords = {"keep", "recheck"};
  const std::optional<std::size_t> word = entry.one_of(kWords);
  if (!word) return;
  entry.config().compile.established = *word == 0 ? Established::Keep : Established::Recheck;
}

void read_unknown_pod(const Entry& entry) {
  using nft::CompileOptions;
  constexpr std::array<std::string_view, 2> kWords = {"drop", "allow"};
  const std::optional<std::size_t> word = entry.one_of(kWords);
  if (!word) return;
  entry.config().compile.unknown_pod =
      *word == 0 ? CompileOptions::UnknownPod::Drop : CompileOptions::UnknownPod::Allow;
}

void read_own_table(const Entry& entry) {
  constexpr std::array<std::string_view, 2> kWords = {"auto", "never"};
  const std::optional<std::size_t> word = entry.one_of(kWords);
  if (!word) return;
  entry.config().own_table = *word == 0;
}

void read_guard_mode(const Entry& entry) {
  constexpr std::array<std::string_view, 3> kWords = {"warn", "hold", "off"};
  constexpr std::array kModes = {GuardMode::Warn, GuardMode::Hold, GuardMode::Off};
  if (const auto word = entry.one_of(kWords)) entry.config().guard = kModes[*word];
}

void read_tie_break(const Entry& entry) {
  constexpr std::array<std::string_view, 2> kWords = {"calico-3.32", "calico-3.31"};
  constexpr std::array kRules = {policy::TieBreak::Calico332, policy::TieBreak::Calico331};
  if (const auto word = entry.one_of(kWords)) entry.config().tie_break = kRules[*word];
}

void read_endpoint_to_host(const Entry& entry) {
  using EndpointToHost = nft::CompileOptions::EndpointToHost;
  constexpr std::array<std::string_view, 3> kWords = {"accept", "return", "drop"};
  constexpr std::array kActions = {EndpointToHost::Accept, EndpointToHost::Return, EndpointToHost::Drop};
  if (const auto word = entry.one_of(kWords)) entry.config().compile.endpoint_to_host = kActions[*word];
}

void read_host_auto(const Entry& entry) {
  const toml::value<bool>* value = entry.node().as_boolean();
  if (value == nullptr) return entry.error(fmt::format("expected a boolean, got {}", Entry::describe(entry.node())));
  entry.config().host_auto = value->get();
}

constexpr std::size_t kLongestInterfaceName = 15;  // IFNAMSIZ - 1

/// Calico's word for an empty list.
bool is_none(const toml::node& node) {
  const toml::array* items = node.as_array();
  return items != nullptr && items->size() == 1 && items->front().value<std::string_view>() == "none";
}

void read_failsafes(const Entry& entry, std::vector<Failsafe>& failsafes) {
  failsafes.clear();
  if (is_none(entry.node())) return;
  entry.for_each_text([&](const toml::node& item, const std::string& text) {
    if (text == "none") return entry.error_at(item, "'none' stands alone: it means that there are no failsafe ports");
    const Result<Failsafe> failsafe = parse_failsafe(text);
    if (!failsafe) return entry.error_at(item, failsafe.error().message);
    if (failsafes.size() == kMaxFailsafes)
      return entry.error_at(item, fmt::format("more than {} ports", kMaxFailsafes));
    if (std::ranges::count(failsafes, *failsafe) == 0) failsafes.push_back(*failsafe);
  });
}

void read_failsafe_inbound(const Entry& entry) {
  read_failsafes(entry, entry.config().failsafe_inbound);
}
void read_failsafe_outbound(const Entry& entry) {
  read_failsafes(entry, entry.config().failsafe_outbound);
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failure != std::errc() || end != text.data() + text.size() || port == 0) {
    return malformed(fmt::format("'{}' is not a port from 1 to 65535", text));
  }
  return port;
}

std::string_view without_brackets(std::string_view text) {
  const bool bracketed = text.size() >= 2 && text.front() == '[' && text.back() == ']';
  return bracketed ? text.substr(1, text.size() - 2) : text;
}

void read_metrics_listen(const Entry& entry) {
  const std::optional<std::string> value = entry.filled_text();
  if (!value) return;
  const std::size_t colon = value->rfind(':');
  if (colon == std::string::npos) return entry.error(fmt::format("'{}' is not ADDRESS:PORT", *value));
  const std::string_view written = std::string_view(*value).substr(0, colon);
  const auto address = policy::parse_address(without_brackets(written));
  if (!address) return entry.error(address.error().message);
  if (address->family == policy::Family::V6 && written.front() != '[')
    return entry.error(fmt::format("'{}': an IPv6 address is written in brackets: [::1]:9098", *value));
  const Result<std::uint16_t> port = parse_port(std::string_view(*value).substr(colon + 1));
  if (!port) return entry.error(port.error().message);
  entry.config().metrics_listen = MetricsPlace{*address, *port};
}

/// A number from `least` to `most`, or an error and nothing.
std::optional<std::int64_t> number_within(const Entry& entry, std::int64_t least, std::int64_t most) {
  const toml::value<std::int64_t>* value = entry.node().as_integer();
  if (value != nullptr && value->get() >= least && value->get() <= most) return value->get();
  entry.error(fmt::format("must be a number from {} to {}", least, most));
  return std::nullopt;
}

void read_drops_per_second(const Entry& entry) {
  constexpr std::int64_t kMost = 10'000;
  const auto number = number_within(entry, 0, kMost);
  if (number) entry.config().drops.per_second = static_cast<std::uint32_t>(*number);
}

void read_drops_group(const Entry& entry) {
  const auto number = number_within(entry, 1, std::numeric_limits<std::uint16_t>::max());
  if (number) entry.config().drops.group = static_cast<std::uint16_t>(*number);
}

// ---- the table of keys ---------------------------------------------------------------------------------------

struct KeyRow {
  std::string_view key;
  void (*read)(const Entry& entry);
};

/// Every key there is.
constexpr std::array kKeys = {
    KeyRow{"node.name", read_node_name},
    KeyRow{"node.pod_cidrs", read_pod_cidrs},
    KeyRow{"node.cni_results", read_cni_results},
    KeyRow{"source.directory.path", read_directory},
    KeyRow{"source.kubernetes.kubeconfig", read_kubeconfig_path},
    KeyRow{"source.kubernetes.context", read_kubernetes_context},
    KeyRow{"state.path", read_state_path},
    KeyRow{"restore.fallback", read_restore_fallback},
    KeyRow{"control.socket", read_control_socket},
    KeyRow{"guard.mode", read_guard_mode},
    KeyRow{"policy.tie_break", read_tie_break},
    KeyRow{"dataplane.deny", read_deny},
    KeyRow{"dataplane.established", read_established},
    KeyRow{"dataplane.unknown_pod", read_unknown_pod},
    KeyRow{"dataplane.own_table", read_own_table},
    KeyRow{"dataplane.mark", read_mark},
    KeyRow{"host.auto", read_host_auto},
    KeyRow{"host.endpoint_to_host", read_endpoint_to_host},
    KeyRow{"host.failsafe_inbound", read_failsafe_inbound},
    KeyRow{"host.failsafe_outbound", read_failsafe_outbound},
    KeyRow{"drops.per_second", read_drops_per_second},
    KeyRow{"drops.group", read_drops_group},
    KeyRow{"metrics.listen", read_metrics_listen},
};

bool is_table(std::string_view key) {
  return std::any_of(kKeys.begin(), kKeys.end(), [key](const KeyRow& row) {
    return row.key.size() > key.size() && row.key.substr(0, key.size()) == key && row.key[key.size()] == '.';
  });
}

/// How many letters must be added, removed or replaced to turn one word into the other.
std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = i;
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row.back();
}

std::string_view last_part(std::string_view key) {
  return key.substr(key.rfind('.') + 1);
}

/// The known key or table that was probably meant; empty if none is near.
std::string nearest_key(std::string_view unknown) {
  std::string nearest;
  std::size_t smallest = std::max<std::size_t>(2, last_part(unknown).size() / 3) + 1;
  const auto consider = [&](std::string_view candidate) {
    // The right key in the wrong table is as near as one wrong letter.
    const bool moved = last_part(candidate) == last_part(unknown);
    const std::size_t distance = moved ? 1 : edit_distance(unknown, candidate);
    if (distance >= smallest) return;
    smallest = distance;
    nearest = candidate;
  };
  for (const KeyRow& row : kKeys) {
    consider(row.key);
    for (std::size_t dot = row.key.find('.'); dot != std::string_view::npos; dot = row.key.find('.', dot + 1)) {
      consider(row.key.substr(0, dot));
    }
  }
  return nearest;
}

void reject_unknown(const std::string& key, const toml::key& written, const std::string& file, ConfigReading& reading,
                    bool table) {
  const std::string nearest = nearest_key(key);
  const std::string hint = nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest);
  const toml::source_position place = written.source().begin;
  reading.errors.push_back({.where = Location{file, static_cast<int>(place.line), static_cast<int>(place.column)},
                            .severity = policy::Severity::Error,
                            .object = "",
                            .field = key,
                            .message = (table ? "unknown table" : "unknown key") + hint});
}

void read_table(const toml::table& table, const std::string& prefix, const std::string& file, ConfigReading& reading) {
  for (const auto& [written, node] : table) {
    const std::string key = prefix.empty() ? std::string(written.str()) : prefix + "." + std::string(written.str());
    const auto row = std::find_if(kKeys.begin(), kKeys.end(), [&key](const KeyRow& known) { return known.key == key; });
    const Entry entry(key, node, file, reading);
    if (row != kKeys.end()) {
      row->read(entry);
    } else if (!is_table(key)) {
      reject_unknown(key, written, file, reading, node.is_table());
    } else if (const toml::table* inner = node.as_table()) {
      read_table(*inner, key, file, reading);
    } else {
      entry.error(fmt::format("expected a table, got {}", Entry::describe(node)));
    }
  }
}

/// The directory is read unless the API server is the only source that is written. Half a [source.kubernetes] must not
/// leave the node without the policies that only the API server has.
void settle_sources(const toml::table& table, const std::string& file, ConfigReading& reading) {
  const toml::node* kubernetes = table["source"]["kubernetes"].node();
  if (kubernetes == nullptr) return;
  if (!table["source"]["directory"]) reading.config.directory.reset();
  const bool usable = reading.config.kubernetes && !reading.config.kubernetes->kubeconfig.empty();
  if (usable || !reading.ok() || !kubernetes->is_table()) return;
  Entry("source.kubernetes.kubeconfig", *kubernetes, file, reading)
      .error(fmt::format("required: the path of a kubeconfig file, or \"{}\"", kInCluster));
}

}  // namespace

std::vector<Failsafe> Config::default_failsafe_inbound() {
  return policy::default_failsafes().inbound;
}

std::vector<Failsafe> Config::default_failsafe_outbound() {
  return policy::default_failsafes().outbound;
}

Result<Failsafe> parse_failsafe(std::string_view text) {
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    Result<Failsafe> failsafe = parse_failsafe(text.substr(0, at));
    const std::string_view interface = text.substr(at + 1);
    if (failsafe && (interface.empty() || interface.size() > kLongestInterfaceName)) {
      return malformed(fmt::format("'{}': the name of an interface has 1 to {} bytes", text, kLongestInterfaceName));
    }
    if (failsafe) failsafe->interface = interface;
    return failsafe;
  }
  const std::size_t first = text.find(':');
  const std::size_t last = text.rfind(':');
  if (first == std::string_view::npos) {
    return malformed(fmt::format("'{}' is neither PROTOCOL:PORT nor PROTOCOL:CIDR:PORT, either with @INTERFACE", text));
  }
  const Result<policy::Protocol> protocol = policy::parse_protocol(text.substr(0, first));
  if (!protocol) return protocol.error().in(fmt::format("'{}'", text));
  if (!policy::has_ports(*protocol)) return malformed(fmt::format("'{}': this protocol has no ports", text));
  const Result<std::uint16_t> port = parse_port(text.substr(last + 1));
  if (!port) return port.error().in(fmt::format("'{}'", text));
  Failsafe failsafe{.protocol = *protocol, .nets = std::nullopt, .port = *port};
  if (first == last) return failsafe;
  const std::string_view between = text.substr(first + 1, last - first - 1);
  const std::string_view cidr = without_brackets(between);
  const Result<policy::Prefix> prefix = policy::parse_prefix(cidr);
  if (!prefix) return prefix.error().in(fmt::format("'{}'", text));
  if (prefix->base.family == policy::Family::V6 && cidr.size() == between.size()) {
    return malformed(fmt::format("'{}': an IPv6 block is written in brackets", text));
  }
  failsafe.nets = *prefix;
  return failsafe;
}

namespace {

/// Each dot of a key is a table within a table, and the parser calls itself for each when they go. Only keys and
/// numbers have dots outside of quotes and comments.
bool is_nested_too_deep(std::string_view line) {
  constexpr int kMaxDots = 16;
  int dots = 0;
  char quote = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char byte = line[at];
    if (quote != 0) {
      if (byte == '\\' && quote == '"') ++at;
      if (byte == quote) quote = 0;
    } else if (byte == '#') {
      return false;
    } else if (byte == '"' || byte == '\'') {
      quote = byte;
    } else if (byte == '.' && ++dots > kMaxDots) {
      return true;
    }
  }
  return false;
}

Diagnostic unreadable(const std::string& file, int line, int column, std::string message) {
  return {.where = Location{file, line, column},
          .severity = policy::Severity::Error,
          .object = "",
          .field = "",
          .message = std::move(message)};
}

/// What the parser of TOML is not to be given.
std::optional<Diagnostic> find_excess(std::string_view text, const std::string& file) {
  if (text.size() > kMaxConfigBytes) {
    return unreadable(file, 1, 1, fmt::format("the file has more than {} bytes", kMaxConfigBytes));
  }
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (is_nested_too_deep(text.substr(0, end))) return unreadable(file, number, 1, "tables are nested too deep");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::nullopt;
}

}  // namespace

ConfigReading parse_config(std::string_view text, const std::string& file) {
  ConfigReading reading;
  if (const auto excess = find_excess(text, file)) {
    reading.errors.push_back(*excess);
    return reading;
  }
  try {
    const toml::table table = toml::parse(text, std::string_view(file));
    read_table(table, "", file, reading);
    settle_sources(table, file, reading);
  } catch (const toml::parse_error& failure) {
    const toml::source_position place = failure.source().begin;
    reading.errors.push_back(unreadable(file, static_cast<int>(place.line), static_cast<int>(place.column),
                                        std::string(failure.description())));
  }
  std::sort(reading.errors.begin(), reading.errors.end());
  return reading;
}

ConfigReading load_config(const std::string& file, bool may_be_missing) {
  const Result<std::string> text = read_file(file);
  if (text) return parse_config(*text, file);
  ConfigReading reading;
  const Error& error = text.error();
  if (may_be_missing && error.kind == ErrorKind::NotFound) return reading;
  const std::string reason = error.errno_value != 0 ? std::strerror(error.errno_value) : error.message;
  reading.errors.push_back(unreadable(file, 0, 0, "cannot be read: " + reason));
  return reading;
}

std::string print_config_error(const Diagnostic& error) {
  std::string line = error.where.file;
  if (error.where.line > 0) line += fmt::format(":{}:{}", error.where.line, error.where.column);
  line += ": error: ";
  if (!error.field.empty()) line += error.field + ": ";
  return line + error.message;
}

std::string node_name(const Config& config) {
  return config.node_name.empty() ? host_name() : config.node_name;
}

std::string host_name() {
  std::array<char, 256> buffer{};
  if (gethostname(buffer.data(), buffer.size() - 1) != 0) return "localhost";
  std::string name = buffer.data();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return name;
}

std::string print_place(const MetricsPlace& place) {
  const std::string address = policy::print_address(place.address);
  return place.address.family == policy::Family::V6 ? fmt::format("[{}]:{}", address, place.port)
                                                    : fmt::format("{}:{}", address, place.port);
}

}  // namespace tierwall::daemon

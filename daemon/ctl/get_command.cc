#include "daemon/ctl/get_command.h"

#include <functional>
#include <optional>
#include <ostream>
#include <set>

#include <fmt/format.h>

#include "daemon/control/control_client.h"
#include "daemon/control/status.h"
#include "daemon/ctl/status_command.h"
#include "daemon/ctl/structured_text.h"
#include "daemon/ctl/suggestion.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

std::string print_order(const std::optional<double>& order) {
  return order ? fmt::format("{}", *order) : "-";
}
std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}
std::string full_name(const std::string& ns, const std::string& name) {
  return ns.empty() ? name : ns + "/" + name;
}

/// A list as cells: the header, the rows, and of each row its name for scripts.
struct Listing {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> names;
};

Listing list(const std::vector<TierRow>& tiers, bool /*wide*/) {
  Listing listing{{"NAME", "ORDER", "DEFAULT", "POLICIES"}, {}, {}};
  for (const TierRow& row : tiers) {
    listing.rows.push_back({row.missing ? row.name + " (no such Tier)" : row.name, print_order(row.order),
                            row.default_action, fmt::format("{}", row.policies)});
    listing.names.push_back(row.name);
  }
  return listing;
}

Listing list(const std::vector<PolicyRow>& policies, bool wide) {
  Listing listing{{"TIER", "ORDER", "KIND", "NAME", "TYPES", "ENDPOINTS"}, {}, {}};
  if (wide) listing.header.insert(listing.header.end(), {"SELECTOR", "FILE"});
  for (const PolicyRow& row : policies) {
    listing.rows.push_back({row.tier, print_order(row.order), row.kind, full_name(row.ns, row.name),
                            or_dash(join(row.types, ",")), fmt::format("{}", row.endpoints)});
    if (wide) listing.rows.back().insert(listing.rows.back().end(), {or_dash(row.selector), or_dash(row.file)});
    listing.names.push_back(row.kind + "/" + full_name(row.ns, row.name));
  }
  return listing;
}

Listing list(const std::vector<EndpointRow>& endpoints, bool wide) {
  Listing listing{{"NAME", "ADDRESSES", "INGRESS", "EGRESS"}, {}, {}};
  const auto side = [wide](const std::vector<std::string>& policies) {
    if (policies.empty()) return std::string("open");
    return wide ? join(policies, ", ") : count(policies.size(), "policy", "policies");
  };
  for (const EndpointRow& row : endpoints) {
    listing.rows.push_back(
        {full_name(row.ns, row.name), or_dash(join(row.addresses, ",")), side(row.ingress), side(row.egress)});
    listing.names.push_back(full_name(row.ns, row.name));
  }
  return listing;
}

/// "normal ingress: a, b; normal egress: none", or how many policies there are in all classes.
std::string print_classes(const std::vector<ClassRow>& classes, bool wide) {
  if (classes.empty()) return "-";
  std::vector<std::string> parts;
  std::set<std::string> policies;
  for (const ClassRow& row : classes) {
    policies.insert(row.policies.begin(), row.policies.end());
    const std::string names = row.policies.empty() ? "none" : join(row.policies, ", ");
    parts.push_back(fmt::format("{} {}: {}", row.policy_class, row.direction, names));
  }
  return wide ? join(parts, "; ") : count(policies.size(), "policy", "policies");
}

std::string print_governed(const HostEndpointRow& row) {
  return row.governed.empty() ? "nothing here: " + row.why_none : join(row.governed, ",");
}

Listing list(const std::vector<HostEndpointRow>& host_endpoints, bool wide) {
  Listing listing{{"NAME", "NODE", "POLICIES", "WITHOUT-POLICY", "GOVERNS"}, {}, {}};
  if (wide) listing.header.insert(listing.header.end() - 1, {"INTERFACE", "EXPECTED-IPS", "PROFILES", "LABELS"});
  for (const HostEndpointRow& row : host_endpoints) {
    std::vector<std::string> cells = {row.name, row.node, print_classes(row.classes, wide), row.without_policy};
    if (wide) {
      cells.insert(cells.end(), {or_dash(row.interface_name), or_dash(join(row.expected_addresses, ",")),
                                 or_dash(join(row.profiles, ",")), or_dash(join(row.labels, ","))});
    }
    cells.push_back(print_governed(row));
    listing.rows.push_back(std::move(cells));
    listing.names.push_back(row.name);
  }
  return listing;
}

/// As the configuration writes it.
std::string print_failsafe(const FailsafeRow& row) {
  const std::string at = row.interface ? "@" + *row.interface : "";
  if (!row.nets) return fmt::format("{}:{}{}", row.protocol, row.port, at);
  const bool v6 = row.nets->find(':') != std::string::npos;
  return fmt::format("{}:{}{}{}:{}{}", row.protocol, v6 ? "[" : "", *row.nets, v6 ? "]" : "", row.port, at);
}

Listing list(const std::vector<FailsafeRow>& failsafes, bool /*wide*/) {
  Listing listing{{"DIRECTION", "PROTOCOL", "PORT", "NETS", "INTERFACE"}, {}, {}};
  for (const FailsafeRow& row : failsafes) {
    const std::string port = fmt::format("{}", row.port);
    listing.rows.push_back(
        {row.direction, row.protocol, port, row.nets.value_or("any"), row.interface.value_or("any")});
    listing.names.push_back(row.direction + "/" + print_failsafe(row));
  }
  return listing;
}

Listing list(const std::vector<SetRow>& sets, bool /*wide*/) {
  Listing listing{{"NAME", "MEMBERS", "MEANING"}, {}, {}};
  for (const SetRow& row : sets) {
    listing.rows.push_back({row.name, fmt::format("{}", row.members), or_dash(row.meaning)});
    listing.names.push_back(row.name);
  }
  return listing;
}

template <typename Row>
Result<Listing> read_list(const Result<std::vector<Row>>& rows, bool wide) {
  if (!rows) return rows.error();
  return list(*rows, wide);
}

struct Subject {
  const char* name;    ///< on the command line, and the key of the answer
  const char* method;  ///< that lists it
  Result<Listing> (*read)(const Json& rows, bool wide);
};

constexpr Subject kSubjects[] = {
    {"tiers", "ListTiers", [](const Json& rows, bool wide) { return read_list(tiers_from_json(rows), wide); }},
    {"policies", "ListPolicies", [](const Json& rows, bool wide) { return read_list(policies_from_json(rows), wide); }},
    {"endpoints", "ListEndpoints",
     [](const Json& rows, bool wide) { return read_list(endpoints_from_json(rows), wide); }},
    {"hostendpoints", "ListHostEndpoints",
     [](const Json& rows, bool wide) { return read_list(host_endpoints_from_json(rows), wide); }},
    {"failsafes", "ListFailsafes",
     [](const Json& rows, bool wide) { return read_list(failsafes_from_json(rows), wide); }},
    {"sets", "ListSets", [](const Json& rows, bool wide) { return read_list(sets_from_json(rows), wide); }},
};

std::string print(const Listing& listing, const GetOptions& options, const Context& context) {
  if (options.output == Output::Name) {
    return listing.names.empty() ? std::string() : join(listing.names, "\n") + "\n";
  }
  Columns columns;
  if (options.legend && context.environment.out_is_terminal) columns.add(listing.header);
  for (const std::vector<std::string>& row : listing.rows) columns.add(row);
  return columns.print();
}

int get_subject(const Subject& subject, const GetOptions& options, const Context& context) {
  const Result<Json> reply = call(options.socket, subject.method, Json::object());
  if (!reply) return report_call_failure(reply.error(), options.socket, "get", context);
  const auto rows = reply->find(subject.name);
  const Result<Listing> listing = rows == reply->end() ? malformed(fmt::format("the answer has no {}", subject.name))
                                                       : subject.read(*rows, options.output == Output::Wide);
  if (!listing) return report_call_failure(listing.error(), options.socket, "get", context);
  if (is_structured(options.output)) {
    context.out << print_structured(*reply, options.output);
  } else {
    context.out << print(*listing, options, context);
  }
  return exit_code::kOk;
}

}  // namespace

std::vector<std::string> get_subjects() {
  std::vector<std::string> names;
  for (const Subject& subject : kSubjects) names.emplace_back(subject.name);
  return names;
}

int get_command(const GetOptions& options, const Context& context) {
  for (const Subject& subject : kSubjects) {
    if (options.what != subject.name) continue;
    return watch(options.watch, context, [&](const Context& round) { return get_subject(subject, options, round); });
  }
  print_failure(context, "get",
                options.what.empty() ? "name what to list: " + join(get_subjects(), ", ")
                                     : fmt::format("'{}' is none of {}{}", options.what, join(get_subjects(), ", "),
                                                   suggest(options.what, get_subjects())));
  return exit_code::kDaemonUsage;
}

}  // namespace tierwall::daemon::ctl

#include "daemon/ctl/compile_command.h"

#include <ostream>
#include <utility>

#include <nlohmann/json.hpp>

#include "daemon/ctl/answer_json.h"
#include "daemon/ctl/read_world.h"
#include "daemon/ctl/structured_text.h"
#include "nft/compile.h"
#include "nft/print.h"
#include "policy/resolve.h"

namespace tierwall::daemon::ctl {

namespace {

using Json = nlohmann::ordered_json;

// ---- the ruleset as JSON of our own: one value per set, element, chain and rule, in nft's words ------------------

std::string_view print_type(nft::FieldType type) {
  switch (type) {
    case nft::FieldType::Ipv4Addr:
      return "ipv4_addr";
    case nft::FieldType::Ipv6Addr:
      return "ipv6_addr";
    case nft::FieldType::InetProto:
      return "inet_proto";
    case nft::FieldType::InetService:
      return "inet_service";
    case nft::FieldType::IfName:
      return "ifname";
  }
  TIERWALL_CHECK(false);
  return {};
}

std::string_view print_hook(nft::Hook hook) {
  switch (hook) {
    case nft::Hook::Prerouting:
      return "prerouting";
    case nft::Hook::Input:
      return "input";
    case nft::Hook::Forward:
      return "forward";
    case nft::Hook::Output:
      return "output";
    case nft::Hook::Postrouting:
      return "postrouting";
  }
  TIERWALL_CHECK(false);
  return {};
}

Json to_json(const nft::Set& set, nft::Element element) {
  Json json;
  const std::string comment = std::exchange(element.comment, {});
  const std::optional<nft::Verdict> verdict = std::exchange(element.verdict, std::nullopt);
  json["element"] = nft::print_element(set, element);
  if (verdict) json["verdict"] = nft::print(*verdict);
  json["comment"] = text_or_null(comment);
  return json;
}

Json to_json(const nft::Set& set) {
  Json json;
  json["name"] = set.name;
  json["type"] = Json::array();
  for (const nft::FieldType type : set.type) json["type"].push_back(print_type(type));
  json["interval"] = set.interval;
  json["comment"] = text_or_null(set.comment);
  json["elements"] = Json::array();
  for (const nft::Element& element : set.elements) json["elements"].push_back(to_json(set, element));
  return json;
}

Json to_json(nft::Rule rule) {
  Json json;
  const std::string comment = std::exchange(rule.comment, {});
  json["rule"] = nft::print(rule);
  json["comment"] = text_or_null(comment);
  json["counter"] = text_or_null(rule.counter);
  return json;
}

Json to_json(const nft::Chain& chain) {
  Json json;
  json["name"] = chain.name;
  json["base"] = nullptr;
  if (chain.base) json["base"] = {{"hook", print_hook(chain.base->hook)}, {"priority", chain.base->priority}};
  json["comment"] = text_or_null(chain.comment);
  json["rules"] = Json::array();
  for (const nft::Rule& rule : chain.rules) json["rules"].push_back(to_json(rule));
  return json;
}

/// Of each rule of a compiled chain the policy rules it stands for.
void add_places(Json& chain, const std::vector<std::vector<nft::RulePlace>>& places, const policy::NodePolicy& policy) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    Json& words = chain["rules"][i]["stands_for"] = Json::array();
    for (const nft::RulePlace& place : places[i]) words.push_back(nft::describe(place, policy));
  }
}

Json to_json(const nft::CompiledTable& table, const policy::NodePolicy& policy) {
  const nft::Ruleset& ruleset = table.ruleset;
  Json json;
  json["family"] = "inet";
  json["table"] = nft::kTableName;
  for (const char* key : {"counters", "sets", "maps", "chains"}) json[key] = Json::array();
  for (const auto& [name, counted] : table.places.counted) {
    json["counters"].push_back({{"name", name}, {"counts", nft::describe(counted)}});
  }
  for (const auto& entry : ruleset.sets) {
    json[entry.second.verdict_map ? "maps" : "sets"].push_back(to_json(entry.second));
  }
  for (const auto& [name, chain] : ruleset.chains) {
    json["chains"].push_back(to_json(chain));
    const auto places = table.places.of_rules.find(name);
    if (places != table.places.of_rules.end()) add_places(json["chains"].back(), places->second, policy);
  }
  return json;
}

Result<nft::CompileOptions> parse_options(const CompileCommandOptions& options) {
  nft::CompileOptions parsed;
  for (const std::string& text : options.pod_cidrs) {
    const Result<policy::Prefix> prefix = policy::parse_prefix(text);
    if (!prefix) return prefix.error().in("--pod-cidr");
    parsed.pod_cidrs.push_back(*prefix);
  }
  return parsed;
}

}  // namespace

int compile_command(const CompileCommandOptions& options, const Context& context) {
  Result<nft::CompileOptions> compile_options = parse_options(options);
  if (!compile_options) {
    print_failure(context, "compile", compile_options.error().message);
    return exit_code::kBadInput;
  }
  const std::optional<LoadedWorld> world = read_world(options.paths, "compile", context);
  if (!world) return exit_code::kBadInput;
  const std::string node = options.node.value_or(context.environment.host_name);
  compile_options->node = node;
  compile_options->failsafes = policy::default_failsafes();
  const policy::NodePolicy policy =
      policy::resolve(world->inventory.snapshot(), policy::Scope{node}, options.tie_break);
  const Result<nft::CompiledTable> table = nft::compile_table(policy, *compile_options);
  if (!table) {
    print_failure(context, "compile", table.error().message);
    return exit_code::kBadInput;
  }
  if (policy.endpoints.empty() && policy.host_endpoints.empty()) {
    context.err << "tierwall compile: warning: no pod of these manifests runs on node '" << node << "'\n";
  }
  if (options.output == Output::Json) {
    context.out << print_structured(to_json(*table, policy), Output::Json);
  } else {
    context.out << nft::print(table->ruleset);
  }
  return exit_code::kOk;
}

}  // namespace tierwall::daemon::ctl

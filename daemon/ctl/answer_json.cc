#include "daemon/ctl/answer_json.h"

#include <utility>

namespace tierwall::daemon::ctl {

namespace {

using policy::Decision;
using policy::Reason;
using policy::TrailStep;

/// The keys that say which policy is meant, null where none is.
void put_policy(Json& json, const std::string& tier, const std::optional<policy::ResourceKey>& key,
                std::optional<int> rule) {
  json["tier"] = text_or_null(tier);
  json["kind"] = key ? Json(policy::print_kind(key->kind)) : Json(nullptr);
  json["namespace"] = key ? text_or_null(key->ns) : Json(nullptr);
  json["name"] = key ? Json(key->name) : Json(nullptr);
  json["rule"] = rule ? Json(*rule) : Json(nullptr);
}

Json to_json(const Decision& decision) {
  // That a namespace allows what no policy judges is not the doing of an object anyone could look up.
  const bool nobody = decision.reason == Reason::NoPolicy;
  Json json;
  json["verdict"] = policy::print_verdict(decision.verdict);
  json["by"] = policy::print_reason(decision.reason);
  put_policy(json, decision.tier, nobody ? std::nullopt : decision.policy, decision.rule);
  if (decision.host) {
    json["endpoint"] = decision.host->endpoint;
    json["class"] = policy::print_class(decision.host->policy_class);
  }
  json["trail"] = Json::array();
  for (const TrailStep& step : decision.trail) {
    Json entry;
    put_policy(entry, step.tier, step.kind == TrailStep::Kind::NoPolicy ? std::nullopt : step.policy, step.rule);
    entry["outcome"] = step.outcome;
    json["trail"].push_back(std::move(entry));
  }
  return json;
}

Json to_json(const std::optional<Decision>& decision) {
  return decision ? to_json(*decision) : Json(nullptr);
}

/// Both directions of one host endpoint can stand here, so each says which it is.
Json to_json(const std::vector<HostAnswer>& crossing) {
  Json json = Json::array();
  for (const HostAnswer& answer : crossing) {
    json.push_back(to_json(answer.decision));
    json.back()["direction"] = policy::print_direction(answer.decision.host->direction);
  }
  return json;
}

Json to_json(const Connection& connection, const std::optional<std::string>& disagreement) {
  Json json;
  json["verdict"] = policy::print_verdict(connection.decision.verdict);
  json["egress"] = to_json(connection.decision.egress);
  json["ingress"] = to_json(connection.decision.ingress);
  if (!connection.crossing.empty()) json["crossing"] = to_json(connection.crossing);
  if (connection.closed) json["closed"] = {{"node", connection.closed->node}, {"why", connection.closed->why}};
  if (disagreement) json["disagreement"] = *disagreement;
  return json;
}

}  // namespace

Json to_json(const Answer& answer) {
  Json json = to_json(answer.today, answer.disagreement);
  if (answer.staged) json["staged"] = to_json(*answer.staged, answer.staged_disagreement);
  return json;
}

}  // namespace tierwall::daemon::ctl

#pragma once
// What the daemon tells about itself. Plain values: the daemon fills them, JSON carries them over the control socket,
// the CLI renders them. Text and JSON come from the same value, so they cannot disagree.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "policy/diagnostic.h"
#include "policy/result.h"

namespace tierwall::daemon {

/// One collection of the API server: "pods", all of them or of one node or namespace.
struct CollectionStatus {
  std::string kind;
  std::string path;   ///< with its selector
  std::string state;  ///< in words: "following"
  std::size_t objects = 0;
  std::string resource_version;
  std::int64_t last_contact_ms = 0;  ///< Unix time in milliseconds; 0: never
  std::string failure;               ///< of the last try; empty: none

  friend bool operator==(const CollectionStatus&, const CollectionStatus&) = default;
};

struct SourceStatus {
  std::string name;      ///< "directory", "kubernetes"
  std::string location;  ///< the path, or the server
  bool in_sync = false;
  std::int64_t last_read_ms = 0;  ///< when it was last read, Unix time in milliseconds; 0: never
  std::size_t files = 0;
  std::size_t objects = 0;
  std::optional<std::string> failure;              ///< why it cannot be read
  std::vector<CollectionStatus> collections = {};  ///< of an API server

  friend bool operator==(const SourceStatus&, const SourceStatus&) = default;
};

struct AppliedStatus {
  std::uint64_t generation = 0;    ///< commits that changed the table, from 1; goes on over restarts
  std::int64_t time_ms = 0;        ///< Unix time in milliseconds
  std::int64_t duration_us = 0;    ///< resolve, compile, diff, encode and commit together
  std::size_t changes = 0;         ///< operations of the last transaction
  std::size_t endpoints = 0;       ///< pods on this node
  std::size_t host_endpoints = 0;  ///< that govern an interface of this node
  std::size_t policies = 0;        ///< that select one of them
  std::size_t tiers = 0;
  std::size_t chains = 0;
  std::size_t rules = 0;
  std::size_t sets = 0;
  std::size_t elements = 0;

  friend bool operator==(const AppliedStatus&, const AppliedStatus&) = default;
};

/// A change that is undone unless somebody confirms it.
struct WaitingStatus {
  std::int64_t deadline_ms = 0;  ///< Unix time
  std::int64_t left_ms = 0;
  std::uint64_t generation = 0;    ///< in force since it was made
  std::int64_t uid = 0;            ///< of who asked for it
  std::vector<std::string> files;  ///< of the policy directory that it touched

  friend bool operator==(const WaitingStatus&, const WaitingStatus&) = default;
};

/// Denials of the last minute, as far as the table told of them.
struct DeniedStatus {
  std::string by;  ///< "ingress, tier default, NetworkPolicy shop/web, rule 1"
  std::uint64_t packets = 0;

  friend bool operator==(const DeniedStatus&, const DeniedStatus&) = default;
};

enum class State { Starting, InSync, Degraded };

struct StatusReport {
  std::string version;
  std::string node;
  State state = State::Starting;
  std::int64_t now_ms = 0;            ///< of the report, so that ages can be shown
  std::uint64_t transactions = 0;     ///< sent to the kernel since start, refused ones included
  std::string ownership = {};         ///< of the table, in words: whose it is and why; empty before the first commit
  std::vector<std::string> degraded;  ///< what is wrong and what stays in force meanwhile; empty unless Degraded
  std::vector<SourceStatus> sources;
  std::optional<AppliedStatus> applied;      ///< absent before the first commit
  std::vector<policy::Diagnostic> problems;  ///< invalid objects and unreadable documents
  std::vector<policy::Diagnostic> warnings;  ///< from policy/review
  std::vector<std::string> remarks;
  std::optional<WaitingStatus> waiting = {};  ///< a change that nobody has confirmed yet
  std::vector<DeniedStatus> denied = {};      ///< in the last minute, the most packets first

  friend bool operator==(const StatusReport&, const StatusReport&) = default;
};

struct TierRow {
  std::string name;
  std::optional<double> order;
  std::string default_action;  ///< "Deny" or "Pass"
  bool missing = false;
  std::size_t policies = 0;

  friend bool operator==(const TierRow&, const TierRow&) = default;
};

struct PolicyRow {
  std::string tier;
  std::string kind;
  std::string ns;
  std::string name;
  std::optional<double> order;
  std::vector<std::string> types;  ///< "Ingress", "Egress"
  std::string selector;            ///< described
  std::size_t endpoints = 0;       ///< of this node that it selects
  std::string file;                ///< FILE:LINE

  friend bool operator==(const PolicyRow&, const PolicyRow&) = default;
};

struct EndpointRow {
  std::string ns;
  std::string name;
  std::vector<std::string> addresses;
  std::vector<std::string> ingress;  ///< "tier/kind ns/name" in evaluation order; empty: no policy
  std::vector<std::string> egress;

  friend bool operator==(const EndpointRow&, const EndpointRow&) = default;
};

/// The policies of one class that apply to a host endpoint in one direction.
struct ClassRow {
  std::string policy_class;           ///< "untracked", "preDNAT", "normal", "applyOnForward"
  std::string direction;              ///< "ingress", "egress"
  std::vector<std::string> policies;  ///< "tier/kind name" in evaluation order

  friend bool operator==(const ClassRow&, const ClassRow&) = default;
};

struct HostEndpointRow {
  std::string name;
  std::string node;
  std::string interface_name;                        ///< as written: a name, "*" or empty
  std::vector<std::string> expected_addresses = {};  ///< as written
  std::vector<std::string> governed = {};            ///< interfaces of this node; "*": those no other one governs
  std::string why_none = {};                         ///< why it governs nothing here
  std::vector<std::string> labels = {};              ///< "key=value"
  std::vector<std::string> profiles = {};            ///< in the order they are asked
  std::vector<ClassRow> classes = {};                ///< in force
  std::string without_policy = {};                   ///< what happens to the node's own traffic no policy decides

  friend bool operator==(const HostEndpointRow&, const HostEndpointRow&) = default;
};

struct FailsafeRow {
  std::string direction;  ///< "inbound", "outbound"
  std::string protocol;
  std::uint16_t port = 0;
  std::optional<std::string> nets = {};       ///< of the other side; absent: any address
  std::optional<std::string> interface = {};  ///< absent: any

  friend bool operator==(const FailsafeRow&, const FailsafeRow&) = default;
};

struct SetRow {
  std::string name;     ///< in nftables
  std::string meaning;  ///< described
  std::size_t members = 0;

  friend bool operator==(const SetRow&, const SetRow&) = default;
};

using Json = nlohmann::ordered_json;

Json to_json(const StatusReport& report);
Json to_json(const TierRow& row);
Json to_json(const PolicyRow& row);
Json to_json(const EndpointRow& row);
Json to_json(const HostEndpointRow& row);
Json to_json(const FailsafeRow& row);
Json to_json(const SetRow& row);

/// Inverse of to_json; Malformed if a field is missing or of another type.
Result<StatusReport> status_from_json(const Json& json);
Result<std::vector<TierRow>> tiers_from_json(const Json& json);
Result<std::vector<PolicyRow>> policies_from_json(const Json& json);
Result<std::vector<EndpointRow>> endpoints_from_json(const Json& json);
Result<std::vector<HostEndpointRow>> host_endpoints_from_json(const Json& json);
Result<std::vector<FailsafeRow>> failsafes_from_json(const Json& json);
Result<std::vector<SetRow>> sets_from_json(const Json& json);

}  // namespace tierwall::daemon

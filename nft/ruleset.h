#pragma once
// One nftables table as a value: what we want the kernel to hold, in nft's own words. Pure; no netlink here. Every
// part is comparable and has a printed form (nft/print.h) that `nft -f` loads.
//
// What is here is as much of nftables as Tierwall uses. A match is written as the nft language writes it: protocol
// dependencies (`tcp dport` needs l4proto tcp, `ip saddr` needs nfproto ipv4) are implied and added when encoding.

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "policy/address.h"
#include "policy/port.h"

namespace tierwall::nft {

inline constexpr const char* kTableName = "tierwall";  ///< family inet

// ---- verdicts ------------------------------------------------------------------------------------------------

struct Verdict {
  enum class Code { Accept, Drop, Return, Jump, Goto };
  Code code = Code::Drop;
  std::string chain;  ///< of Jump and Goto

  friend auto operator<=>(const Verdict&, const Verdict&) = default;
};

// ---- sets and maps -------------------------------------------------------------------------------------------

/// What one field of a set key is; the type names are nft's.
enum class FieldType { Ipv4Addr, Ipv6Addr, InetProto, InetService, IfName };

/// A key in the form the kernel keeps: fields in network byte order, each padded to four bytes if the key has more
/// than one (a concatenation).
using Key = std::string;

struct Element {
  Key key;
  Key last;  ///< intervals: the inclusive end, equal to `key` for a single address; otherwise empty
  std::optional<Verdict> verdict;  ///< of verdict maps
  std::string comment;

  friend auto operator<=>(const Element&, const Element&) = default;
};

/// A named set, or with `verdict_map` a verdict map.
struct Set {
  std::string name;
  std::vector<FieldType> type;
  bool interval = false;  ///< only with one field
  bool verdict_map = false;
  std::string comment;
  std::vector<Element> elements;  ///< sorted by key, keys unique, intervals disjoint

  friend bool operator==(const Set&, const Set&) = default;
};

Key make_key(const policy::Address& address);
/// inet_service: a port on its own.
Key make_port_key(std::uint16_t port);
/// ipv4_addr/ipv6_addr . inet_proto . inet_service
Key make_key(const policy::Address& address, policy::Protocol protocol, std::uint16_t port);
/// ifname: an interface's name, at most 15 bytes.
Key make_interface_key(const std::string& name);

// ---- rules ---------------------------------------------------------------------------------------------------

/// The left side of a match.
enum class Field {
  NfProto,  // meta nfproto
  L4Proto,  // meta l4proto
  IpSaddr,
  IpDaddr,
  Ip6Saddr,
  Ip6Daddr,
  TcpSport,
  TcpDport,
  UdpSport,
  UdpDport,
  SctpSport,
  SctpDport,
  UdpliteSport,
  UdpliteDport,
  ThSport,
  ThDport,  // th sport / th dport: after a match of l4proto
  IcmpType,
  IcmpCode,
  Icmpv6Type,
  Icmpv6Code,
  CtState,
  Iif,  ///< an interface's number; only that of the loopback interface is the same everywhere
  Oif,
  IifName,       ///< only in sets and maps
  OifName,       ///< only in sets and maps
  CtStatus,      ///< bits of ct_status; packets of no connection have none, whether the match is negated or not
  Mark,          ///< bits of the packet's mark
  FibSaddrType,  ///< what kind of address the source is to this node: kLocalAddress
  CtMark,        ///< bits of the connection's mark; packets of no connection match neither way
};

inline constexpr std::uint32_t kLoopbackInterface = 1;
inline constexpr std::uint32_t kLocalAddress = 2;  ///< RTN_LOCAL

/// Bits of ct state as the kernel has them.
namespace ct_state {
inline constexpr std::uint32_t kInvalid = 1, kEstablished = 2, kRelated = 4, kNew = 8, kUntracked = 64;
}

/// Bits of ct status as the kernel has them.
namespace ct_status {
inline constexpr std::uint32_t kDnat = 32;
}

struct Interval {
  std::uint32_t first = 0;
  std::uint32_t last = 0;  ///< inclusive

  friend auto operator<=>(const Interval&, const Interval&) = default;
};

/// Right sides. Numbers are plain numbers (protocols, ports, ICMP types, NFPROTO_*).
using Numbers = std::vector<Interval>;  ///< one: a value or range; several: an anonymous set. Sorted, disjoint.
using Addresses = std::vector<policy::AddressRange>;  ///< one: an address, prefix or range; several: an anonymous set
struct Bits {                                         ///< ct state, ct status, marks: any of these bits
  std::uint32_t mask = 0;
  friend auto operator<=>(const Bits&, const Bits&) = default;
};
struct InSet {
  std::string set;  ///< name of a Set of the same table
  friend auto operator<=>(const InSet&, const InSet&) = default;
};

/// One match of a rule: FIELD [. FIELD ...] [!=] RIGHT SIDE. More than one field only with InSet. A negated match needs
/// its fields as much as a plain one: `tcp dport != 80` is of tcp only. Two things nft 1.0.6 cannot say in words and
/// lists otherwise than they were written: `th sport N th dport M` in one rule without a single l4proto, and th ports
/// behind an l4proto that has none; they are not used.
struct Match {
  std::vector<Field> fields;
  bool negated = false;
  std::variant<Numbers, Addresses, Bits, InSet> right;

  friend auto operator<=>(const Match&, const Match&) = default;
};

struct Log {
  std::string prefix;  ///< at most 127 bytes

  friend auto operator<=>(const Log&, const Log&) = default;
};

/// Tells a netlink log group (libnetfilter_log) of at most so many packets a second, with their first bytes; the next
/// rule follows in any case.
struct LogSample {
  std::uint16_t group = 0;
  std::uint32_t per_second = 1;  ///< not 0

  /// So many may come at once. Even, because nft does not list a burst of 5, which is its default.
  [[nodiscard]] std::uint32_t burst() const { return 2 * per_second; }
  static constexpr std::uint32_t kBytes = 128;  ///< of a packet: its headers

  friend auto operator<=>(const LogSample&, const LogSample&) = default;
};

/// Has the kernel tell the way of the first so many packets, rule by rule (meta nftrace); the next rule follows.
struct TraceFirst {
  std::uint32_t packets = 1;  ///< not 0; one more for each day that passes

  friend auto operator<=>(const TraceFirst&, const TraceFirst&) = default;
};

/// `FIELD vmap @MAP`
struct VerdictMapLookup {
  Field field = Field::IpSaddr;
  std::string map;

  friend auto operator<=>(const VerdictMapLookup&, const VerdictMapLookup&) = default;
};

/// Sets bits of the packet's mark, takes it out of connection tracking if so asked (in chains of priority raw only),
/// and then obeys the verdict.
struct SetMark {
  std::uint32_t bits = 0;
  bool notrack = false;
  Verdict verdict;

  friend auto operator<=>(const SetMark&, const SetMark&) = default;
};

/// Clears bits of the packet's mark; the next rule follows.
struct ClearMark {
  std::uint32_t bits = 0;

  friend auto operator<=>(const ClearMark&, const ClearMark&) = default;
};

/// Drops the packet and tells its sender: a TCP reset, or ICMP "administratively prohibited". Input, forward and output
/// only.
struct Reject {
  bool tcp_reset = false;

  friend auto operator<=>(const Reject&, const Reject&) = default;
};

using RuleAction = std::variant<Verdict, VerdictMapLookup, Log, LogSample, TraceFirst, SetMark, ClearMark, Reject>;

/// A rule: all matches must hold, then the packet is counted and the action is taken. No action: `continue`, which is
/// not used.
struct Rule {
  std::vector<Match> matches;
  RuleAction action;
  std::string comment;       ///< in policy words; no double quote, at most 127 bytes
  std::string counter = {};  ///< name of a Counter of the same table; empty: not counted

  friend auto operator<=>(const Rule&, const Rule&) = default;
};

// ---- counters ------------------------------------------------------------------------------------------------

/// A named counter. What it has counted is no part of the ruleset: KernelTables::take_counters().
struct Counter {
  std::string name;
  std::string comment;

  friend auto operator<=>(const Counter&, const Counter&) = default;
};

// ---- chains --------------------------------------------------------------------------------------------------

enum class Hook { Prerouting, Input, Forward, Output, Postrouting };

/// Makes a chain a base chain. Type is always filter, chain policy always accept: a missing rule never locks out.
struct BaseChain {
  Hook hook = Hook::Forward;
  int priority = 0;  ///< relative to filter (0)

  friend auto operator<=>(const BaseChain&, const BaseChain&) = default;
};

struct Chain {
  std::string name;
  std::optional<BaseChain> base;
  std::string comment;
  std::vector<Rule> rules;

  friend bool operator==(const Chain&, const Chain&) = default;
};

// ---- the table -----------------------------------------------------------------------------------------------

/// The whole table `inet tierwall`. Chains that are not base chains are named by their content and never change.
struct Ruleset {
  std::map<std::string, Set> sets;               ///< by name; verdict maps too
  std::map<std::string, Chain> chains;           ///< by name
  std::map<std::string, Counter> counters = {};  ///< by name

  friend bool operator==(const Ruleset&, const Ruleset&) = default;
};

}  // namespace tierwall::nft

#pragma once
// What a field of a packet is to nftables: its words, where it is read from, and which protocols it implies. One row
// per Field and per FieldType; print, encode, simulate and canonical all read these tables, so they cannot disagree.

#include <cstddef>
#include <cstdint>
#include <string>

#include "nft/ruleset.h"

namespace tierwall::nft {

inline constexpr std::uint8_t kNfprotoIpv4 = 2;
inline constexpr std::uint8_t kNfprotoIpv6 = 10;

enum class Source {
  Nfproto,
  L4Proto,
  CtState,
  CtStatus,
  Iif,
  Oif,
  IifName,
  OifName,
  Mark,
  FibSaddrType,
  CtMark,
  NetworkHeader,
  TransportHeader,
};

struct FieldLayout {
  Field field = Field::NfProto;
  const char* words = "";  ///< "ip saddr"
  Source source = Source::Nfproto;
  std::uint8_t offset = 0;    ///< in bytes, of header fields
  std::uint8_t length = 0;    ///< in bytes
  std::uint8_t nfproto = 0;   ///< the network protocol it implies; 0: none
  std::uint8_t l4proto = 0;   ///< the transport protocol it implies; 0: none
  std::uint32_t type_id = 0;  ///< nft's datatype number
};

const FieldLayout& layout(Field field);

/// `th sport` and `th dport`: what they are called once the protocol is known. Other fields and protocols: unchanged.
Field in_protocol(Field field, std::uint8_t l4proto);

/// A number in this field the way nft shows it: "tcp", "echo-request", "80".
std::string print_number(Field field, std::uint32_t number);

struct TypeLayout {
  FieldType type = FieldType::Ipv4Addr;
  const char* words = "";  ///< "ipv4_addr"
  std::uint32_t id = 0;    ///< nft's datatype number
  std::size_t length = 0;  ///< in bytes
};

const TypeLayout& layout(FieldType type);

/// Bytes this field takes in a key of that many fields: concatenations pad each to four bytes.
std::size_t padded_length(FieldType type, std::size_t fields);
/// Bytes of a whole key of the set.
std::size_t key_length(const Set& set);

}  // namespace tierwall::nft

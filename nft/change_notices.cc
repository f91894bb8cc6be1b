#include "nft/change_notices.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cstring>
#include <utility>

#include "nft/ruleset.h"

namespace tierwall::nft {

namespace {

const nlattr* find(const nlmsghdr* message, std::uint16_t type) {
  return find_attribute(payload_behind(message, sizeof(nfgenmsg)), has_type(type));
}

/// Text up to its first zero byte, wherever the attribute ends.
std::string text_of(const nlattr* attribute) {
  if (attribute == nullptr) return {};
  const auto* text = static_cast<const char*>(mnl_attr_get_payload(attribute));
  return {text, strnlen(text, mnl_attr_get_payload_len(attribute))};
}

std::uint32_t number_of(const nlattr* attribute) {
  if (attribute == nullptr || mnl_attr_get_payload_len(attribute) < sizeof(std::uint32_t)) return 0;
  return ntohl(mnl_attr_get_u32(attribute));
}

// Every object but the generation names its table first.
static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 && NFTA_SET_TABLE == 1 &&
              NFTA_SET_ELEM_LIST_TABLE == 1 && NFTA_OBJ_TABLE == 1 && NFTA_FLOWTABLE_TABLE == 1);

bool is_of_our_table(const nlmsghdr* message) {
  const auto* generic = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(message));
  return generic->nfgen_family == NFPROTO_INET && text_of(find(message, NFTA_TABLE_NAME)) == kTableName;
}

/// The end of every transaction: who it was.
ForeignChange parse_generation(const nlmsghdr* message) {
  return {.generation = number_of(find(message, NFTA_GEN_ID)),
          .process = number_of(find(message, NFTA_GEN_PROC_PID)),
          .process_name = text_of(find(message, NFTA_GEN_PROC_NAME))};
}

bool is_nftables(const nlmsghdr* message) {
  return NFNL_SUBSYS_ID(message->nlmsg_type) == NFNL_SUBSYS_NFTABLES &&
         mnl_nlmsg_get_payload_len(message) >= sizeof(nfgenmsg);
}

/// The objects of a transaction come first, then its generation.
void take_notice(const nlmsghdr* message, bool& touched, std::vector<ForeignChange>& changes) {
  if (!is_nftables(message)) return;
  if (NFNL_MSG_TYPE(message->nlmsg_type) != NFT_MSG_NEWGEN) {
    touched = touched || is_of_our_table(message);
  } else if (std::exchange(touched, false)) {
    changes.push_back(parse_generation(message));
  }
}

}  // namespace

void read_notices(Datagram datagram, bool& touched, std::vector<ForeignChange>& changes) {
  for_each_message(datagram, [&](const nlmsghdr* message) {
    take_notice(message, touched, changes);
    return true;
  });
}

}  // namespace tierwall::nft

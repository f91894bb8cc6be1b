#include "nft/netlink_answers.h"

#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace tierwall::nft {

namespace {

// One answer; they come one by one, and capped ones quote no more than the header of what they answer.
constexpr std::size_t kAnswerRoom = 8 * 1024;

// ---- which element -------------------------------------------------------------------------------------------

template <typename Predicate>
const nlattr* find_nested(const nlattr* nest, Predicate fits) {
  if (nest == nullptr) return nullptr;
  return find_attribute({static_cast<const std::uint8_t*>(mnl_attr_get_payload(nest)), mnl_attr_get_payload_len(nest)},
                        fits);
}

/// The key of the element at this place of a message, as the kernel points to it; empty if it points elsewhere.
Key key_at(const nlmsghdr* message, std::uint32_t offset) {
  const auto* blamed = reinterpret_cast<const std::uint8_t*>(message) + offset;
  const auto contains_blamed = [blamed](const nlattr& attribute) {
    const auto* start = reinterpret_cast<const std::uint8_t*>(&attribute);
    return start <= blamed && blamed < start + attribute.nla_len;
  };
  const nlattr* list = find_attribute(payload_behind(message, sizeof(nfgenmsg)), has_type(NFTA_SET_ELEM_LIST_ELEMENTS));
  const nlattr* element = find_nested(list, contains_blamed);
  const nlattr* value = find_nested(find_nested(element, has_type(NFTA_SET_ELEM_KEY)), has_type(NFTA_DATA_VALUE));
  if (value == nullptr) return {};
  return {static_cast<const char*>(mnl_attr_get_payload(value)), mnl_attr_get_payload_len(value)};
}

const nlmsghdr* find_message(const Batch& batch, std::uint32_t sequence) {
  std::size_t offset = 0;
  while (offset < batch.bytes.size()) {
    const auto* message = reinterpret_cast<const nlmsghdr*>(batch.bytes.data() + offset);
    if (message->nlmsg_seq == sequence) return message;
    offset += MNL_ALIGN(message->nlmsg_len);
  }
  return nullptr;
}

// ---- answers -------------------------------------------------------------------------------------------------

/// Acknowledgements and failures are NLMSG_ERROR; nothing else comes on this socket.
Answer parse_answer(const nlmsghdr* message) {
  Answer answer{.sequence = message->nlmsg_seq, .errno_value = refused_errno(message), .offset = 0};
  const bool capped = (message->nlmsg_flags & NLM_F_CAPPED) != 0;
  if ((message->nlmsg_flags & NLM_F_ACK_TLVS) == 0 || !capped) return answer;
  const nlattr* offset = find_attribute(payload_behind(message, sizeof(nlmsgerr)), has_type(NLMSGERR_ATTR_OFFS));
  if (offset != nullptr && mnl_attr_get_payload_len(offset) == sizeof answer.offset) {
    answer.offset = mnl_attr_get_u32(offset);
  }
  return answer;
}

void take(Answers& answers, const nlmsghdr* message, const Batch& batch) {
  if (message->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(message) < sizeof(nlmsgerr)) return;
  const Answer answer = parse_answer(message);
  // Unsigned: an answer to an earlier transaction is far away, not negative.
  const std::uint32_t position = answer.sequence - batch.first_sequence;
  if (position >= batch.operation_of.size()) return;
  if (answer.errno_value == 0) {
    answers.acknowledged = true;
  } else {
    answers.failures.push_back(answer);
  }
}

Rejected to_rejected(const Answer& failure, const ChangeSet& changes, const Batch& batch) {
  const std::size_t operation = batch.operation_of[failure.sequence - batch.first_sequence];
  if (operation == Batch::kWholeTransaction) return rejected_whole(failure.errno_value);
  const nlmsghdr* message = find_message(batch, failure.sequence);
  const Key key = message == nullptr || failure.offset == 0 ? Key() : key_at(message, failure.offset);
  return {.operation = operation,
          .errno_value = failure.errno_value,
          .message = describe(changes.operations[operation], key) + ": " + std::strerror(failure.errno_value)};
}

}  // namespace

Rejected rejected_whole(int errno_value) {
  return {.operation = Rejected::kWholeTransaction,
          .errno_value = errno_value,
          .message = std::string("transaction: ") + std::strerror(errno_value)};
}

void read_answers(Datagram datagram, const Batch& batch, Answers& answers) {
  for_each_message(datagram, [&](const nlmsghdr* message) {
    take(answers, message, batch);
    return true;
  });
}

Answers receive_answers(const mnl_socket* socket, const Batch& batch) {
  Answers answers;
  alignas(nlmsghdr) std::array<std::uint8_t, kAnswerRoom> room;
  for (;;) {
    const ssize_t received = recv(mnl_socket_get_fd(socket), room.data(), room.size(), MSG_DONTWAIT);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno == ENOBUFS) {
      answers.overrun = true;
      continue;
    }
    if (received <= 0) return answers;
    read_answers({room.data(), static_cast<std::size_t>(received)}, batch, answers);
  }
}

CommitOutcome outcome_of(const Answers& answers, const ChangeSet& changes, const Batch& batch) {
  if (!answers.failures.empty()) {
    // A failure of the begin message is of the commit as a whole and comes besides nothing else; of several
    // operations that failed the first is the cause, later ones may only follow from it.
    const auto first = std::ranges::min_element(
        answers.failures, {}, [&batch](const Answer& answer) { return answer.sequence - batch.first_sequence; });
    return to_rejected(*first, changes, batch);
  }
  if (answers.overrun) return Unknown{.message = "the kernel's answer to a transaction was lost"};
  if (!answers.acknowledged) return Unknown{.message = "the kernel did not answer a transaction"};
  return Committed{.messages = batch.operation_of.size(), .bytes = batch.bytes.size()};
}

}  // namespace tierwall::nft

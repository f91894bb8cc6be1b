#pragma once
// What the kernel says to one batch. Internal to the kernel half.

#include <cstdint>
#include <vector>

#include "nft/change_set.h"
#include "nft/encode.h"
#include "nft/kernel_tables.h"
#include "nft/netlink_messages.h"

struct mnl_socket;

namespace tierwall::nft {

struct Answer {
  std::uint32_t sequence = 0;
  int errno_value = 0;
  std::uint32_t offset = 0;  ///< of what is to blame inside the message; 0: unknown
};

/// All answers to one batch, as far as they arrived.
struct Answers {
  bool acknowledged = false;
  bool overrun = false;  ///< more answers came than the socket holds
  std::vector<Answer> failures = {};
};

/// One datagram of them. Answers to other batches and what is cut off are left out.
void read_answers(Datagram datagram, const Batch& batch, Answers& answers);

/// The kernel works on a transaction within sendmsg, so all answers are there when it returns: does not block. Answers
/// to other batches are left out.
Answers receive_answers(const mnl_socket* socket, const Batch& batch);

/// One failure is enough to know that nothing landed. Without one, only an acknowledgement that nothing was lost
/// beside of tells that all did: Unknown otherwise.
CommitOutcome outcome_of(const Answers& answers, const ChangeSet& changes, const Batch& batch);

Rejected rejected_whole(int errno_value);

}  // namespace tierwall::nft

#pragma once
// The way of real packets through the rules of a network namespace, as a door. Implementations: NetlinkTrace (the
// kernel), FakePacketTrace (tests). Both pass tests/unit/nft/packet_trace_contract_test.cc.

#include <chrono>
#include <vector>

#include "nft/trace_messages.h"
#include "nft/traced_flow.h"
#include "policy/result.h"

namespace tierwall::nft {

class PacketTrace {
 public:
  virtual ~PacketTrace() = default;

  /// Has packets of this flow traced from now on, as long as this object lives; also the death of the process ends it.
  /// Conflict if somebody does already. Call it once.
  virtual Result<void> start(const TracedFlow& flow) = 0;
  /// The comments of all rules there are now, those of other tables too.
  virtual Result<RuleComments> list_comments() = 0;
  /// The steps since the last call; waits until there are some, at most this long. Those of packets that others have
  /// traced are among them.
  virtual Result<std::vector<TraceStep>> read(std::chrono::milliseconds patience) = 0;
  /// Steps were lost, because they came faster than they were read.
  [[nodiscard]] virtual bool has_lost() const = 0;
};

}  // namespace tierwall::nft

// What the kernel says about nftables: answers to a transaction, dumps of counters and of rules, traced packets,
// notices of other people's changes.

#include "nft/change_notices.h"
#include "nft/counter_dump.h"
#include "nft/diff.h"
#include "nft/netlink_answers.h"
#include "nft/trace_messages.h"
#include "tests/fuzz/target.h"

namespace tierwall::fuzz {

void netlink_tables(Bytes input) {
  const std::uint8_t what = take_byte(input);
  const std::vector<std::uint8_t> datagram = aligned_copy(input);
  if (what % 3 == 0) {
    static const nft::ChangeSet changes = nft::rebuild(nft::Ruleset{});
    static const nft::Batch batch = *nft::encode(changes, 1);
    nft::Answers answers;
    nft::read_answers(datagram, batch, answers);
    static_cast<void>(nft::outcome_of(answers, changes, batch));
  } else if (what % 3 == 1) {
    nft::CounterReadings readings;
    const nft::CounterDump dump = nft::read_counters(datagram, 1, readings);
    require(dump.errno_value == 0 || dump.complete, "a refusal is the end of the dump");
    for (const auto& [name, reading] : readings) require(reading.packets > 0, "what counted nothing is left out", name);
    nft::RuleComments comments;
    const nft::RuleDump rules = nft::read_rule_comments(datagram, 1, comments);
    require(rules.errno_value == 0 || rules.complete, "a refusal is the end of the dump");
  } else {
    bool touched = false;
    std::vector<nft::ForeignChange> changes;
    nft::read_notices(datagram, touched, changes);
    for (const nft::TraceStep& step : nft::read_trace(datagram))
      require((step.table + step.chain).find('\0') == std::string::npos, "a name ends at its zero byte");
    // A process's name goes into the journal.
    for (const nft::ForeignChange& change : changes)
      require(change.process_name.find('\0') == std::string::npos, "a name ends at its zero byte");
  }
}

}  // namespace tierwall::fuzz

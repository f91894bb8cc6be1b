// Law 2 of design.md: what is kept up to date event by event equals what is made from scratch. Long random sequences of
// events over every kind of object; after each batch the resolver is compared with resolve(), and what it says has
// changed with what did. So with the table: what follows members equals compile() and diff().

#include "policy/resolver.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "tests/differential/event_sequences.h"
#include "tests/differential/generated_world.h"
#include "tests/differential/kept_up_to_date.h"
#include "tests/vocabulary/effort.h"

namespace tierwall::test {
namespace {

constexpr std::uint32_t kSequences = 12;
constexpr std::size_t kSteps = 80;  // per sequence

TEST(Resolver, KeptUpToDateItEqualsWhatIsResolvedFromScratch) {
  StepsTaken steps;
  for (std::uint32_t seed = 1; seed <= test::tried_of(kSequences); ++seed) {
    const auto tie_break = seed % 2 == 0 ? policy::TieBreak::Calico332 : policy::TieBreak::Calico331;
    const auto flattening = seed % 3 == 0 ? nft::Flattening{} : nft::Flattening::always();
    EventBatches batches = generate_events(seed, kSteps);
    const auto mismatch = find_mismatch(batches, tie_break, flattening, &steps);
    if (!mismatch) continue;
    batches.resize(mismatch->step + 1);
    batches = shrink_events(std::move(batches), [&](const EventBatches& fewer) {
      return find_mismatch(fewer, tie_break, flattening).has_value();
    });
    std::string story;
    for (const auto& batch : batches) story += "\n  " + print_batch(batch);
    FAIL() << "seed " << seed << ", step " << mismatch->step << ": " << mismatch->what << " differ; it takes" << story;
  }
  std::printf("batches that changed members only: %zu, pods of the node: %zu, everything: %zu\n", steps.members,
              steps.endpoints, steps.anew);
  EXPECT_GT(steps.endpoints, 20 * test::tried_of(kSequences) / kSequences);
}

/// Most events are about pods elsewhere, and they must not cost a walk over all policies.
TEST(Resolver, APodOfAnotherNodeChangesMembersOnly) {
  policy::Inventory inventory;
  const auto tell = [&](const policy::Resource& object) {
    inventory.apply({.source = "directory", .key = policy::key_of(object), .resource = object});
  };
  policy::Pod here{.ns = "shop", .name = "web", .node = kJudgedNode, .addresses = fixed_pod_addresses(0)};
  tell(here);
  policy::Policy policy{.ns = "shop", .name = "p"};
  policy::Rule rule{.action = policy::Action::Allow};
  rule.source.selector = policy::equals("app", "db");
  policy.ingress = {rule};
  tell(policy);
  policy::Resolver resolver(inventory.snapshot(), kJudgedNode, policy::TieBreak::Calico332);
  ASSERT_EQ(resolver.policy().address_sets.size(), 1u);

  policy::Pod far{.ns = "shop", .name = "db", .labels = {{"app", "db"}}, .node = "node-2"};
  far.addresses = {fixed_pod_addresses(1).front()};
  tell(far);
  const policy::PolicyChange change = resolver.update(inventory.snapshot(), {policy::pod_key(far)});
  EXPECT_FALSE(change.everything);
  ASSERT_EQ(change.address_sets.size(), 1u);
  EXPECT_EQ(change.address_sets.front().addresses.come, far.addresses);
  EXPECT_EQ(resolver.policy().address_sets.front().addresses, far.addresses);
}

}  // namespace
}  // namespace tierwall::test

#include "nft/netlink_tables.h"

#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nft/netlink_answers.h"

namespace tierwall::nft {

namespace {

// A transaction that is wrong throughout answers once per message; capped answers take under 100 bytes.
constexpr int kReceiveRoom = 4 << 20;
// The kernel keeps twice what is asked for and wants some of it for itself.
constexpr std::size_t kRoomOfKernel = 4096;
// Parts are small where the kernel has no memory for the whole.
constexpr std::size_t kSmallPart = std::size_t{256} * 1024;
constexpr std::size_t kSmallestPart = std::size_t{16} * 1024;

Error socket_error(const char* what) {
  const int number = errno;
  const ErrorKind kind = number == EPERM || number == EACCES ? ErrorKind::Denied : ErrorKind::Unavailable;
  return {kind, std::string(what) + ": " + std::strerror(number), number};
}

void set_option(int fd, int level, int option, int value) {
  // Best effort: without these the answers are larger or say less.
  static_cast<void>(setsockopt(fd, level, option, &value, sizeof value));
}

/// As much as is asked for where the machine lets us, else what every process may have.
void force_room(int fd, int forced, int asked, int bytes) {
  if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) < 0) set_option(fd, SOL_SOCKET, asked, bytes);
}

Rejected too_large(std::size_t bytes, std::size_t room, int errno_value) {
  std::string message = "transaction of " + std::to_string(bytes) + " bytes: ";
  if (errno_value == EMSGSIZE) {
    message += "the kernel takes " + std::to_string(room) +
               " at once from this process; raise the sysctl net.core.wmem_max to that size, or run it with "
               "CAP_NET_ADMIN in the machine's user namespace";
  } else {
    message += "the kernel has no memory for it (" + std::string(std::strerror(errno_value)) +
               "); free memory, or raise the memory limit of the service";
  }
  return {.operation = Rejected::kWholeTransaction, .errno_value = errno_value, .message = std::move(message)};
}

/// The operation to blame, as the whole transaction counts them.
CommitOutcome in_whole(CommitOutcome outcome, const TransactionPart& part) {
  auto* rejected = std::get_if<Rejected>(&outcome);
  if (rejected != nullptr && rejected->operation < part.operation_of.size()) {
    rejected->operation = part.operation_of[rejected->operation];
  }
  return outcome;
}

bool writes_anew(const ChangeSet& changes) {
  const auto removes = [](const Operation& operation) { return std::holds_alternative<DeleteTable>(operation); };
  return std::ranges::any_of(changes.operations, removes) && !removes(changes.operations.back());
}

std::vector<std::string> sets_declared_in(const ChangeSet& changes) {
  std::vector<std::string> names;
  for (const Operation& operation : changes.operations) {
    if (const auto* add = std::get_if<AddSet>(&operation)) names.push_back(add->set.name);
  }
  return names;
}

}  // namespace

void NetlinkTables::SocketCloser::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

NetlinkTables::NetlinkTables(MnlSocket socket, Options options)
    : socket_(std::move(socket)), options_(options), next_sequence_(options.first_sequence) {}

Result<std::unique_ptr<NetlinkTables>> NetlinkTables::open(Options options) {
  MnlSocket socket(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
  if (socket == nullptr) return socket_error("cannot open a netlink socket");
  if (mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return socket_error("cannot bind a netlink socket");
  const int fd = mnl_socket_get_fd(socket.get());
  force_room(fd, SO_RCVBUFFORCE, SO_RCVBUF, kReceiveRoom);
  set_option(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
  set_option(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
  auto tables = std::make_unique<NetlinkTables>(std::move(socket), options);
  if (const Result<void> may = tables->may_change(); !may) return may.error();
  return tables;
}

/// A transaction without operations is answered only if it is refused.
Result<void> NetlinkTables::may_change() {
  const Result<Batch> batch = encode_next({});
  TIERWALL_CHECK(batch);
  const int failed = send(*batch);
  const Answers answers = receive_answers(socket_.get(), *batch);
  const int errno_value = failed != 0 || answers.failures.empty() ? failed : answers.failures.front().errno_value;
  if (errno_value == 0) return {};
  return Error{errno_value == EPERM ? ErrorKind::Denied : ErrorKind::Unavailable,
               std::string("cannot change nftables (CAP_NET_ADMIN is missing): ") + std::strerror(errno_value),
               errno_value};
}

std::uint32_t NetlinkTables::port() const {
  return mnl_socket_get_portid(socket_.get());
}

// ---- one message ---------------------------------------------------------------------------------------------

void NetlinkTables::make_room(std::size_t bytes) {
  const std::size_t wanted = std::min(bytes + kRoomOfKernel, options_.most_room);
  if (wanted <= send_room_) return;
  // Sending tells whether it is enough.
  force_room(mnl_socket_get_fd(socket_.get()), SO_SNDBUFFORCE, SO_SNDBUF, static_cast<int>(wanted));
  send_room_ = wanted;
}

/// What the socket takes in one message, as the kernel says.
std::size_t NetlinkTables::room() const {
  constexpr std::size_t kKept = 32;  // of the buffer, by netlink
  int bytes = 0;
  socklen_t length = sizeof bytes;
  if (getsockopt(mnl_socket_get_fd(socket_.get()), SOL_SOCKET, SO_SNDBUF, &bytes, &length) < 0) return kSmallestPart;
  return std::max(static_cast<std::size_t>(std::max(bytes, 0)), kSmallestPart + kKept) - kKept;
}

int NetlinkTables::send(const Batch& batch) {
  make_room(batch.bytes.size());
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  for (;;) {
    const ssize_t sent = sendto(mnl_socket_get_fd(socket_.get()), batch.bytes.data(), batch.bytes.size(), 0,
                                reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
    if (sent >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

Result<Batch> NetlinkTables::encode_next(const ChangeSet& changes) {
  Result<Batch> batch = encode(changes, next_sequence_);
  if (batch) next_sequence_ += static_cast<std::uint32_t>(batch->operation_of.size());
  return batch;
}

CommitOutcome NetlinkTables::exchange(const Batch& batch, const ChangeSet& changes) {
  constexpr std::size_t kBeginAndEnd = 2;
  if (batch.operation_of.size() == kBeginAndEnd) return Committed{};
  if (const int failed = send(batch); failed != 0) return rejected_whole(failed);
  return outcome_of(receive_answers(socket_.get(), batch), changes, batch);
}

CommitOutcome NetlinkTables::commit_one(const ChangeSet& changes) {
  const Result<Batch> batch = encode_next(changes);
  if (batch) return exchange(*batch, changes);
  return Rejected{.operation = Rejected::kWholeTransaction, .errno_value = EINVAL, .message = batch.error().message};
}

CommitOutcome NetlinkTables::commit(const ChangeSet& changes) {
  if (writes_anew(changes) && has_table()) return commit_with_copy(changes);
  const std::optional<HookedLast> parts = hook_last(changes);
  return parts ? commit_hooking_last(*parts) : commit_whole(changes);
}

CommitOutcome NetlinkTables::commit_whole(const ChangeSet& changes) {
  std::size_t bytes = 0;
  CommitOutcome outcome = [&]() -> CommitOutcome {
    const Result<Batch> batch = encode_next(changes);
    if (!batch) {
      return Rejected{
          .operation = Rejected::kWholeTransaction, .errno_value = EINVAL, .message = batch.error().message};
    }
    bytes = batch->bytes.size();
    return exchange(*batch, changes);
  }();
  const auto* rejected = std::get_if<Rejected>(&outcome);
  const bool did_not_fit = rejected != nullptr && rejected->operation == Rejected::kWholeTransaction &&
                           (rejected->errno_value == EMSGSIZE || rejected->errno_value == ENOBUFS);
  return did_not_fit ? commit_in_parts(changes, bytes, rejected->errno_value) : outcome;
}

int NetlinkTables::try_out(const Batch& batch, const ChangeSet& changes) {
  next_sequence_ += static_cast<std::uint32_t>(batch.operation_of.size());
  const CommitOutcome outcome = exchange(batch, changes);
  if (std::holds_alternative<Committed>(outcome)) return 0;
  const auto* rejected = std::get_if<Rejected>(&outcome);
  return rejected == nullptr ? ENOBUFS : rejected->errno_value;
}

Result<void> NetlinkTables::can_own() {
  const Batch batch = encode_ownership_probe(next_sequence_);
  const int errno_value = try_out(batch, {.operations = {AddTable{.owner = TableOwner::Us}, DeleteTable{}}});
  if (errno_value == 0) return {};
  return Error{ErrorKind::Unsupported,
               std::string("the kernel cannot give a table an owner for good: ") + std::strerror(errno_value),
               errno_value};
}

Result<void> NetlinkTables::can_tell(const DeniedLog& log) {
  const Chain chain = denied_chain(log);
  ChangeSet changes{.operations = {AddTable{}, AddChain{chain}}};
  for (const Rule& rule : chain.rules) changes.operations.emplace_back(AddRule{.chain = chain.name, .rule = rule});
  changes.operations.emplace_back(DeleteTable{});
  const Result<Batch> batch = encode_probe(changes, next_sequence_);
  if (!batch) return batch.error();
  const int errno_value = try_out(*batch, changes);
  if (errno_value == 0) return {};
  return Error{ErrorKind::Unsupported,
               std::string("the kernel cannot tell of denied packets: ") + std::strerror(errno_value), errno_value};
}

Result<void> NetlinkTables::trace(const TracedFlow& flow) {
  const ChangeSet changes = trace_table(flow);
  const Result<Batch> batch = encode_for_trace(changes, next_sequence_);
  if (!batch) return batch.error();
  const int errno_value = try_out(*batch, changes);
  if (errno_value == 0) return {};
  if (errno_value == EPERM || errno_value == EEXIST)
    return Error{ErrorKind::Conflict, "somebody else traces packets on this node", errno_value};
  return Error{ErrorKind::Unsupported, std::string("the kernel cannot trace packets: ") + std::strerror(errno_value),
               errno_value};
}

// ---- no packet in between ------------------------------------------------------------------------------------

bool NetlinkTables::has_table() {
  const Batch request = encode_table_request(next_sequence_++);
  if (send(request) != 0) return true;
  const Answers answers = receive_answers(socket_.get(), request);
  return std::ranges::none_of(answers.failures, [](const Answer& answer) { return answer.errno_value == ENOENT; });
}

/// What the copy refuses, the table refuses too, and says why.
bool NetlinkTables::make_copy(const ChangeSet& changes) {
  const Result<Batch> batch = encode_for_copy(changes, next_sequence_);
  if (!batch) return false;
  next_sequence_ += static_cast<std::uint32_t>(batch->operation_of.size());
  return !std::holds_alternative<Rejected>(exchange(*batch, changes));
}

bool NetlinkTables::remove_copy() {
  constexpr int kTries = 3;
  const ChangeSet removal{.operations = {AddTable{}, DeleteTable{}}};
  for (int i = 0; i < kTries; ++i) {
    if (make_copy(removal)) return true;
  }
  return false;
}

/// Every packet meets the copy, or the table, or both, which agree.
CommitOutcome NetlinkTables::commit_with_copy(const ChangeSet& changes) {
  const bool copied = make_copy(changes);
  CommitOutcome outcome = commit_whole(changes);
  if (copied && !remove_copy()) {
    return Unknown{.message = std::string("table ") + kCopyName + " cannot be removed; it goes when this process ends"};
  }
  return outcome;
}

CommitOutcome NetlinkTables::commit_hooking_last(const HookedLast& parts) {
  CommitOutcome prepared = in_whole(commit_whole(parts.unhooked.changes), parts.unhooked);
  const auto* first = std::get_if<Committed>(&prepared);
  if (first == nullptr) return prepared;
  CommitOutcome hooked = in_whole(commit_whole(parts.main.changes), parts.main);
  if (const auto* second = std::get_if<Committed>(&hooked)) {
    return Committed{.messages = first->messages + second->messages, .bytes = first->bytes + second->bytes};
  }
  const auto* rejected = std::get_if<Rejected>(&hooked);
  if (rejected == nullptr || std::holds_alternative<Committed>(commit_whole(removal_of(parts.unhooked.changes)))) {
    return hooked;
  }
  return Unknown{.message = rejected->message + "; what was prepared for it may be left over"};
}

// ---- several messages ----------------------------------------------------------------------------------------

CommitOutcome NetlinkTables::commit_in_parts(const ChangeSet& changes, std::size_t bytes, int errno_value) {
  const std::size_t most = errno_value == EMSGSIZE ? room() : std::min(room(), kSmallPart);
  const std::optional<PreparedTransaction> parts = prepare_sets(changes, most);
  if (!parts) return too_large(bytes, room(), errno_value);
  std::vector<std::string> declared;
  Committed sum;
  const auto land = [&](const TransactionPart& part) -> std::optional<CommitOutcome> {
    CommitOutcome outcome = in_whole(commit_one(part.changes), part);
    const auto* committed = std::get_if<Committed>(&outcome);
    if (committed == nullptr) return undo(declared, std::move(outcome));
    sum = {.messages = sum.messages + committed->messages, .bytes = sum.bytes + committed->bytes};
    return std::nullopt;
  };
  for (const TransactionPart& part : parts->sets) {
    if (auto failed = land(part)) return *std::move(failed);
    const std::vector<std::string> names = sets_declared_in(part.changes);
    declared.insert(declared.end(), names.begin(), names.end());
  }
  auto failed = land(parts->main);
  if (!failed) return sum;
  const auto* rejected = std::get_if<Rejected>(&*failed);
  if (rejected != nullptr && rejected->errno_value == EMSGSIZE) return too_large(bytes, room(), EMSGSIZE);
  return *std::move(failed);
}

/// Takes away what was prepared for a transaction that failed.
CommitOutcome NetlinkTables::undo(const std::vector<std::string>& sets, CommitOutcome why) {
  if (sets.empty() || std::holds_alternative<Unknown>(why)) return why;
  ChangeSet removals;
  for (const std::string& set : sets) removals.operations.emplace_back(DeleteSet{set});
  if (std::holds_alternative<Committed>(commit_one(removals))) return why;
  return Unknown{.message = std::get<Rejected>(why).message + "; sets that were prepared for it may be left over"};
}

}  // namespace tierwall::nft

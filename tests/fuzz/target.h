#pragma once
// What every fuzz target shares: the table of them, and how one says that a promise was broken. The same targets are
// run by libFuzzer (fuzzer.cc) and over what is kept of its inputs (replay.cc).

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tierwall::fuzz {

using Bytes = std::span<const std::uint8_t>;

/// Any input is good. What the code under test promises about every input is required; the sanitizers see the rest.
struct Target {
  std::string_view name;
  void (*run)(Bytes input);
};

// Parsers.
void selector(Bytes input);
void manifest(Bytes input);
void kubernetes_stream(Bytes input);
void kubernetes_object(Bytes input);
void kubeconfig(Bytes input);
void exec_credential(Bytes input);
void netlink_tables(Bytes input);
void netlink_interfaces(Bytes input);
void denied_packet(Bytes input);
void tracked_connection(Bytes input);
void control_call(Bytes input);
void control_answer(Bytes input);
void cni_result(Bytes input);
void config(Bytes input);
void failsafe(Bytes input);
void flow(Bytes input);
void policy_tests(Bytes input);
// Properties: the bytes are the choices of a generator.
void world(Bytes input);
void events(Bytes input);

inline constexpr Target kTargets[] = {
    {"selector", selector},
    {"manifest", manifest},
    {"kubernetes_stream", kubernetes_stream},
    {"kubernetes_object", kubernetes_object},
    {"kubeconfig", kubeconfig},
    {"exec_credential", exec_credential},
    {"netlink_tables", netlink_tables},
    {"netlink_interfaces", netlink_interfaces},
    {"denied_packet", denied_packet},
    {"tracked_connection", tracked_connection},
    {"control_call", control_call},
    {"control_answer", control_answer},
    {"cni_result", cni_result},
    {"config", config},
    {"failsafe", failsafe},
    {"flow", flow},
    {"policy_tests", policy_tests},
    {"world", world},
    {"events", events},
};

/// Null if there is none of that name.
const Target* find_target(std::string_view name);

/// Prints the promise and aborts unless it is kept.
void require(bool kept, std::string_view promise, std::string_view details = {});

std::string_view text_of(Bytes input);
/// The first byte, for a choice the target makes, and the rest; 0 where there is none.
std::uint8_t take_byte(Bytes& input);
/// On the heap, aligned as the allocator does and no byte longer, so that reading beyond the end is seen.
std::vector<std::uint8_t> aligned_copy(Bytes input);

}  // namespace tierwall::fuzz

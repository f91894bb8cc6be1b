#pragma once
// The message ids of every journal record: random 128-bit numbers that never change, so that `journalctl
// MESSAGE_ID=...` and alerts keep working. Each has an entry in systemd/catalog/tierwall.catalog (a test checks it).

#include <array>
#include <string_view>

namespace tierwall::systemd {

/// 32 hexadecimal digits.
struct MessageId {
  std::string_view text;

  friend constexpr bool operator==(const MessageId&, const MessageId&) = default;
};

namespace message {
inline constexpr MessageId kStarted{"5436ea0682b645f0959d21b402eb376b"};
inline constexpr MessageId kInSync{"1d824f38a2d7482e95d2bdbcfb5bbafb"};
inline constexpr MessageId kDegraded{"336373507d5743139be6b33c0b91111b"};
inline constexpr MessageId kCommitted{"b647bacf0e7f4a94975de23150e8243f"};
inline constexpr MessageId kRejected{"680b5f225174487f93f0f44e9de7e818"};
inline constexpr MessageId kNotCompiled{"041f2edbc8b8454ab896b92f938789f8"};
inline constexpr MessageId kSourceLost{"7344615cab044216a4d099eb972fa20d"};
inline constexpr MessageId kSourceRegained{"b7c5f542b2df4c89b68e0e32ba9731f3"};
inline constexpr MessageId kConfigRejected{"3c6fcdcd5a3548f19309579d3b870d59"};
inline constexpr MessageId kConfigReloaded{"2cbfe8c6ec9c496e8e057c5e304664be"};
inline constexpr MessageId kControlUnavailable{"11492abb8e04488380a19ae30a1aabb5"};
inline constexpr MessageId kStateTrouble{"e7f3a54c0b6d4a3c9d6c1f28a90b5d41"};
inline constexpr MessageId kRestored{"94c1f0a7d25e4b7c8e3b6f1d02a97c58"};
inline constexpr MessageId kGuarded{"3b266e23aa174efeabea4dd6238d0fce"};
inline constexpr MessageId kTableChanged{"492491628eef4a529918cbf2960d1bb7"};
inline constexpr MessageId kPolicyApplied{"3814c56b3be34f05944c4daa8850b854"};
inline constexpr MessageId kPolicyConfirmed{"c30fb254365249be90919b675918e0ab"};
inline constexpr MessageId kPolicyRolledBack{"c86cd431e035464799b0f39944213212"};
inline constexpr MessageId kConnectionsCut{"a2830ff75191d195aab3485450336045"};
inline constexpr MessageId kStopped{"03732cae000d4049bd28a1d115f847bc"};

inline constexpr std::array kAll = {kStarted,        kInSync,         kDegraded,           kCommitted,
                                    kRejected,       kNotCompiled,    kSourceLost,         kSourceRegained,
                                    kConfigRejected, kConfigReloaded, kControlUnavailable, kStateTrouble,
                                    kRestored,       kGuarded,        kTableChanged,       kConnectionsCut,
                                    kStopped,        kPolicyApplied,  kPolicyConfirmed,    kPolicyRolledBack};
}  // namespace message

}  // namespace tierwall::systemd

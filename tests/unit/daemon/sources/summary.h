#pragma once
// Decoded objects as short text, so that a test row is a snippet and what it means.

#include <string>

#include "daemon/sources/decode_manifest.h"

namespace tierwall::daemon {

/// A policy or profile: a head line, then one line per rule, without a final newline.
///   "NetworkPolicy a/web, tier default, order 10, ingress, on app == \"web\""
///   "StagedNetworkPolicy a/web, staged, tier default, ..."
///   "ingress 1: Allow tcp from {nets 10.0.0.0/8} to {ports 80}"
std::string summarize(const policy::Resource& resource);

/// The summary of the only object in the text; what is wrong with it follows, one problem a line.
std::string decode_one(const std::string& text);

/// Only what is wrong, one problem a line, the way `check` shows it. Locations name the file "f".
std::string decode_problems(const std::string& text);

}  // namespace tierwall::daemon

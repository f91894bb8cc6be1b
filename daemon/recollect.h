#pragma once
// What was remembered, read again: the way back from the text of an object to the event its source once told.

#include "daemon/sources/kubernetes/read_json.h"
#include "daemon/state/state_store.h"
#include "policy/inventory.h"

namespace tierwall::daemon {

/// One remembered object as the event it was. An object that cannot be read any more (a newer version wrote it) becomes
/// an event with its problems and nothing to enforce.
policy::ResourceEvent to_event(const RememberedObject& object, JsonReader& reader);

}  // namespace tierwall::daemon

#pragma once
// GET of a collection. Faithful to kube-apiserver 1.36 in the meaning of resourceVersion, resourceVersionMatch, limit
// and continue:
//   resourceVersion unset            the newest state, in pages if limit says so
//   "0"                              the same here; limit is ignored, as the watch cache does
//   "N", NotOlderThan or no limit    waits up to Behaviour::too_large_wait for N, then 504 with a cause
//   "N", Exact or limit              the state at N; 410 once it is compacted
//   continue                         the state of the first page; 410 with a token for the inconsistent rest
// Lists of custom resources have their keys in alphabetical order (items come before metadata), and their items carry
// kind and apiVersion; built-in ones have neither habit.

#include <optional>

#include "tests/fake_api/answer.h"
#include "tests/fake_api/api_request.h"
#include "tests/fake_api/object_store.h"
#include "tests/fake_api/resource_table.h"
#include "tests/fake_api/script.h"
#include "tests/fake_api/selectors.h"

namespace tierwall::fake_api {

/// A Status as answer, with its Retry-After.
Answer status_answer(const Status& status);

/// The resourceVersion of a request; absent: unset. Throws std::invalid_argument if it is no number.
std::optional<std::uint64_t> asked_version(const ApiRequest& request);

/// Absent: the version asked for is not there yet, ask again after the next change or at `arrived` + too_large_wait.
std::optional<Answer> list_answer(const ObjectStore& store, const Script& script, const ApiRequest& request,
                                  const ResourcePath& path, Clock::time_point arrived);

}  // namespace tierwall::fake_api

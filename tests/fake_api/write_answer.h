#pragma once
// What becomes of a request that writes: POST creates, PATCH merges, DELETE removes at once.

#include "tests/fake_api/answer.h"
#include "tests/fake_api/api_request.h"
#include "tests/fake_api/object_store.h"

namespace tierwall::fake_api {

/// Pre: the resource is served and the method is not GET. A body that cannot be used throws std::invalid_argument.
Answer write_answer(ObjectStore& store, const ApiRequest& request, const ResourcePath& path);

}  // namespace tierwall::fake_api

#pragma once
// metav1.Status: how the API server says that something went wrong. The sentences are the server's own (1.36).

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/fake_api/resource_table.h"

namespace tierwall::fake_api {

struct Status {
  int code = 500;
  std::string reason = "InternalError";
  std::string message{};
  nlohmann::json details{};      ///< null: none
  std::string continue_token{};  ///< of an expired list; empty: none
  int retry_after_seconds = 0;   ///< also in the Retry-After header; 0: none

  [[nodiscard]] std::string text() const;
};

Status unauthorized();
Status forbidden(const std::string& user, const std::string& verb, const ResourceType& type,
                 const std::string& name_space);
Status bad_request(const std::string& message);
/// 422: parameters of a list or watch that contradict each other or the server's gates.
Status invalid_options(const std::string& message);
Status not_found(const ResourceType& type, const std::string& name);
Status already_exists(const ResourceType& type, const std::string& name);
Status too_large_version(std::uint64_t asked, std::uint64_t newest);
/// 410 of a watch.
Status too_old_version(std::uint64_t asked, std::uint64_t oldest);
/// 410 of a list at an exact version.
Status expired_list();
/// 410 of a continue token, with the one that continues without consistency.
Status expired_continue(const std::string& fresh_token);
Status internal_error(const std::string& message);

}  // namespace tierwall::fake_api

#include "daemon/sources/decode_metadata.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "daemon/sources/decode_limits.h"
#include "daemon/sources/rfc3339.h"

namespace tierwall::daemon {

namespace {

/// Zero if nobody can tell.
std::chrono::milliseconds read_time(const Cursor& at) {
  const auto text = at.text();
  return text ? parse_rfc3339(*text).value_or(std::chrono::milliseconds(0)) : std::chrono::milliseconds(0);
}

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_letter_or_digit(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

/// What a label's value and the last part of its key have in common.
bool is_label_part(std::string_view text) {
  const auto is_inner = [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.'; };
  return !text.empty() && text.size() <= kMaxLabelPart && is_letter_or_digit(text.front()) &&
         is_letter_or_digit(text.back()) && std::all_of(text.begin(), text.end(), is_inner);
}

void read_name(const Cursor& at, NameRule rule, Metadata& metadata) {
  const auto name = at.text();
  metadata.certain = false;
  if (!name) return;
  metadata.name = *name;
  metadata.certain = rule == NameRule::Label ? is_dns_label(*name) : is_dns_subdomain(*name);
  if (metadata.certain) return;
  at.error(fmt::format("{} is no valid name: {}", quote(*name),
                       rule == NameRule::Label
                           ? "at most 63 of a-z, 0-9 and '-', with a letter or digit at both ends"
                           : "at most 253 of a-z, 0-9, '-' and '.', with a letter or digit at both ends of each part"));
}

void read_namespace(const Cursor& at, bool namespaced, Metadata& metadata) {
  const auto ns = at.text();
  if (!namespaced) {
    at.warning("ignored: objects of this kind have no namespace");
    return;
  }
  metadata.ns = ns.value_or("");
  if (ns && is_dns_label(*ns)) return;
  metadata.certain = false;
  if (ns && !ns->empty()) at.error(fmt::format("{} is no valid namespace", quote(*ns)));
}

/// A name and a namespace are demanded even where they are written but empty.
void demand_identity(const Cursor& metadata_at, bool namespaced, Metadata& metadata) {
  if (!metadata_at.find("name")) {
    metadata_at.missing("name");
    metadata.certain = false;
  }
  if (!namespaced || !metadata.ns.empty()) return;
  const auto written = metadata_at.find("namespace");
  if (!written || (written->node().kind == Node::Kind::Scalar && written->node().text.empty()))
    metadata_at.missing("namespace", "manifests have no default namespace");
  metadata.certain = false;
}

}  // namespace

bool is_dns_label(std::string_view text) {
  const auto is_inner = [](char c) { return is_lower_or_digit(c) || c == '-'; };
  return !text.empty() && text.size() <= kMaxDnsLabel && is_lower_or_digit(text.front()) &&
         is_lower_or_digit(text.back()) && std::all_of(text.begin(), text.end(), is_inner);
}

bool is_dns_subdomain(std::string_view text) {
  if (text.size() > kMaxDnsSubdomain) return false;
  for (;;) {
    const std::size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    const auto is_inner = [](char c) { return is_lower_or_digit(c) || c == '-'; };
    if (part.empty() || !is_lower_or_digit(part.front()) || !is_lower_or_digit(part.back())) return false;
    if (!std::all_of(part.begin(), part.end(), is_inner)) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

Metadata read_metadata(const Cursor& object, NameRule rule, bool namespaced, UnknownFields unknown) {
  Metadata metadata;
  const auto at = object.find("metadata");
  if (!at) {
    object.missing("metadata");
    metadata.certain = false;
    return metadata;
  }
  Metadata name_read, namespace_read;
  const bool is_object =
      read_fields(*at,
                  {{"name", [&](const Cursor& c) { read_name(c, rule, name_read); }},
                   {"namespace", [&](const Cursor& c) { read_namespace(c, namespaced, namespace_read); }},
                   {"labels", [&](const Cursor& c) { metadata.labels = read_labels(c); }},
                   {"creationTimestamp", [&](const Cursor& c) { metadata.created = read_time(c); }},
                   {"annotations", ignore_field},
                   {"generateName", ignore_field},
                   {"selfLink", ignore_field},
                   {"uid", ignore_field},
                   {"resourceVersion", ignore_field},
                   {"generation", ignore_field},
                   {"deletionTimestamp", ignore_field},
                   {"deletionGracePeriodSeconds", ignore_field},
                   {"ownerReferences", ignore_field},
                   {"finalizers", ignore_field},
                   {"clusterName", ignore_field},
                   {"managedFields", ignore_field}},
                  unknown);
  metadata.name = name_read.name;
  metadata.ns = namespace_read.ns;
  metadata.certain = is_object && name_read.certain && namespace_read.certain;
  if (is_object) demand_identity(*at, namespaced, metadata);
  return metadata;
}

policy::Labels read_labels(const Cursor& at) {
  policy::Labels labels;
  if (!at.is_object()) return labels;
  if (at.node().fields.size() > kMaxLabels) {
    at.error(fmt::format("at most {} labels, has {}", kMaxLabels, at.node().fields.size()));
    return labels;
  }
  for (const Field& field : at.node().fields) {
    const Cursor value = at.child(field);
    if (field.repeated) {
      at.findings().count_error();
      continue;
    }
    check_label_key(value, field.key);
    // Kubernetes reads null as an empty value here.
    const auto text = field.value.kind == Node::Kind::Null ? std::optional<std::string>("") : value.text();
    if (!text) continue;
    check_label_value(value, *text);
    labels.set(field.key, *text);
  }
  return labels;
}

void check_label_key(const Cursor& at, std::string_view key) {
  const std::size_t slash = key.find('/');
  const bool prefixed = slash != std::string_view::npos;
  const bool valid =
      is_label_part(prefixed ? key.substr(slash + 1) : key) && (!prefixed || is_dns_subdomain(key.substr(0, slash)));
  if (!valid) at.error(fmt::format("{} is no valid label key", quote(key)));
}

void check_label_value(const Cursor& at, std::string_view value) {
  if (value.empty() || is_label_part(value)) return;
  at.error(value.size() > kMaxLabelPart
               ? fmt::format("a label's value has at most {} characters, this one has {}", kMaxLabelPart, value.size())
               : fmt::format("{} is no valid label value", quote(value)));
}

}  // namespace tierwall::daemon

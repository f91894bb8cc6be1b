#include "daemon/control/object_list.h"

#include <numeric>
#include <utility>

#include "daemon/control/object_reader.h"
#include "daemon/state/kind_names.h"

namespace tierwall::daemon {

namespace {

std::size_t size_of(const ObjectPage& page) {
  return std::accumulate(
      page.objects.begin(), page.objects.end(), std::size_t{0},
      [](std::size_t bytes, const RememberedObject& object) { return bytes + object.document.size(); });
}

Json to_json(const RememberedObject& object) {
  return {{"source", object.id.source},
          {"kind", policy::print_kind(object.id.key.kind)},
          {"namespace", object.id.key.ns},
          {"name", object.id.key.name},
          {"resource_version", object.resource_version},
          {"file", object.where.file},
          {"line", object.where.line},
          {"column", object.where.column},
          {"document", object.document}};
}

Result<RememberedObject> object_from_json(const Json& json) {
  ObjectReader reader(json, "object");
  RememberedObject object;
  std::string kind;
  reader.read("source", object.id.source);
  reader.read("kind", kind);
  reader.read("namespace", object.id.key.ns);
  reader.read("name", object.id.key.name);
  reader.read("resource_version", object.resource_version);
  reader.read("file", object.where.file);
  reader.read("line", object.where.line);
  reader.read("column", object.where.column);
  reader.read("document", object.document);
  const auto known = parse_kind_name(kind);
  if (known) object.id.key.kind = *known;
  auto read = reader.finish(std::move(object));
  if (read && !known) return malformed("the daemon is of another version: it knows a kind '" + kind + "'");
  return read;
}

}  // namespace

Result<ObjectPage> read_page(StateStore& store, std::uint64_t from) {
  for (std::size_t limit = kObjectsPerPage;; limit /= 2) {
    Result<ObjectPage> page = store.objects(from, limit);
    if (!page || limit == 1 || size_of(*page) <= kPageBytes) return page;
  }
}

Json to_json(const ObjectPage& page) {
  Json objects = Json::array();
  for (const RememberedObject& object : page.objects) objects.push_back(to_json(object));
  return {{"objects", std::move(objects)}, {"next", page.next}};
}

Result<ObjectPage> object_page_from_json(const Json& json) {
  ObjectReader reader(json, "page");
  ObjectPage page;
  reader.read_array("objects", page.objects, object_from_json);
  reader.read("next", page.next);
  return reader.finish(std::move(page));
}

}  // namespace tierwall::daemon

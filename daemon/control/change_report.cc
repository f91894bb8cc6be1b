#include "daemon/control/change_report.h"

#include <utility>

#include "daemon/control/object_reader.h"

namespace tierwall::daemon {

namespace {

Result<ObjectDelta> delta_from_json(const Json& json) {
  ObjectReader reader(json, "change");
  ObjectDelta delta;
  reader.read("change", delta.change);
  reader.read("object", delta.object);
  return reader.finish(std::move(delta));
}

}  // namespace

Json to_json(const ChangeReport& report) {
  Json changes = Json::array();
  for (const ObjectDelta& delta : report.changes)
    changes.push_back(Json{{"change", delta.change}, {"object", delta.object}});
  return {{"generation", report.generation},
          {"files", report.files},
          {"changes", std::move(changes)},
          {"deadline_ms", report.deadline_ms ? Json(*report.deadline_ms) : Json(nullptr)}};
}

Result<ChangeReport> change_report_from_json(const Json& json) {
  ObjectReader reader(json, "change report");
  ChangeReport report;
  reader.read("generation", report.generation);
  reader.read("files", report.files);
  reader.read_array("changes", report.changes, delta_from_json);
  reader.read("deadline_ms", report.deadline_ms);
  return reader.finish(std::move(report));
}

}  // namespace tierwall::daemon

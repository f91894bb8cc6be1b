#include "daemon/ctl/matrix_command.h"

#include <ostream>

#include "daemon/ctl/reachability.h"
#include "daemon/ctl/read_world.h"
#include "daemon/ctl/structured_text.h"

namespace tierwall::daemon::ctl {

namespace {

constexpr std::string_view kMatrixVerb = "matrix";

int draw(const policy::Snapshot& world, const JudgeOptions& judge_options, const MatrixOptions& options,
         const Context& context) {
  const ConnectionJudge judge(world, judge_options);
  const auto found = find_reachability(world, judge, options.namespaces, options.service, options.most);
  if (!found) {
    print_failure(context, kMatrixVerb, found.error().message);
    return exit_code::kBadInput;
  }
  switch (options.output) {
    case Output::Json:
      context.out << print_structured(to_json(*found), Output::Json);
      break;
    case Output::Dot:
      context.out << print_dot(*found);
      break;
    case Output::Svg:
      context.out << print_svg(*found);
      break;
    default:
      context.out << print_table(*found, context.color);
  }
  return exit_code::kOk;
}

}  // namespace

int matrix_command(const MatrixOptions& options, const Context& context) {
  if (!options.paths.empty()) {
    const std::optional<LoadedWorld> world = read_world(options.paths, kMatrixVerb, context);
    if (!world) return exit_code::kBadInput;
    return draw(world->inventory.snapshot(),
                {.host_name = context.environment.host_name, .tie_break = options.tie_break}, options, context);
  }
  const Result<NodeWorld> world = read_node_world(options.doors);
  if (!world) {
    print_failure(context, kMatrixVerb, world.error().message + "; to ask about manifests name them with -f PATH");
    return world.error().kind == ErrorKind::Unavailable ? exit_code::kNotRunning : exit_code::kBadInput;
  }
  note_absent_daemon(*world, kMatrixVerb, context);
  return draw(world->snapshot(), judge_options(world->facts), options, context);
}

}  // namespace tierwall::daemon::ctl

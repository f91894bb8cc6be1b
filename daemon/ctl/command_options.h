#pragma once
// What every verb may be asked with: its options, and how the words of a command line become them.

#include <span>
#include <string>
#include <vector>

#include "daemon/ctl/bundle_command.h"
#include "daemon/ctl/change_command.h"
#include "daemon/ctl/check_command.h"
#include "daemon/ctl/compile_command.h"
#include "daemon/ctl/describe_command.h"
#include "daemon/ctl/diff_command.h"
#include "daemon/ctl/doctor_command.h"
#include "daemon/ctl/drops_command.h"
#include "daemon/ctl/explain_command.h"
#include "daemon/ctl/flows_command.h"
#include "daemon/ctl/get_command.h"
#include "daemon/ctl/history_command.h"
#include "daemon/ctl/kubeconfig_command.h"
#include "daemon/ctl/matrix_command.h"
#include "daemon/ctl/metrics_command.h"
#include "daemon/ctl/simulate_command.h"
#include "daemon/ctl/status_command.h"
#include "daemon/ctl/test_command.h"
#include "daemon/ctl/top_command.h"
#include "daemon/ctl/trace_command.h"

namespace CLI {
class App;
}  // namespace CLI

namespace tierwall::daemon::ctl {

/// The options of all verbs; of one command line those of one verb are filled.
struct CommandOptions {
  std::string color = "auto";
  std::vector<std::string> more_paths;  ///< words without an option; most follow -f PATH
  CheckOptions check;
  ExplainOptions explain;
  MatrixOptions matrix;
  CompileCommandOptions compile;
  TestOptions test;
  StatusOptions status{kDefaultControlSocket};
  GetOptions get{{}, kDefaultControlSocket};
  DescribeOptions describe;
  TopOptions top;
  DropsOptions drops;
  FlowsOptions flows;
  TraceOptions trace;
  MetricsOptions metrics;
  DoctorOptions doctor;
  BundleOptions bundle;
  DiffOptions diff;
  SimulateOptions simulate;
  ApplyOptions apply;
  ConfirmOptions confirm;
  ConfirmOptions release;
  RollbackOptions rollback;
  HistoryOptions history;
  KubeconfigOptions kubeconfig;
};

/// Verbs on manifests keep 1 for their answer, so their usage errors are 2; verbs that ask the daemon keep 2 and 3.
struct VerbWords {
  const char* name;
  const char* summary;
  int usage_exit;
  /// The parser keeps references to the options.
  void (*add_options)(CLI::App& verb, CommandOptions& options);
};

/// In the order of the help.
std::span<const VerbWords> verbs();

}  // namespace tierwall::daemon::ctl

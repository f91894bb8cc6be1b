#include "daemon/ctl/verify_aloud.h"

#include <ostream>

namespace tierwall::daemon::ctl {

void verify_aloud(Worlds& worlds, Answer& answer, const Context& context, std::string_view verb) {
  if (const Result<void> verified = worlds.verify(answer); !verified) {
    print_failure(context, verb, "the compiled table could not be asked: " + verified.error().message);
  }
  for (const std::optional<std::string>* disagreement : {&answer.disagreement, &answer.staged_disagreement}) {
    if (!*disagreement) continue;
    context.err << "bug: evaluator and compiled table disagree: " << **disagreement
                << "; please report it with the manifests\n";
  }
}

}  // namespace tierwall::daemon::ctl

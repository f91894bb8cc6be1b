#include "nft/denied_log.h"

namespace tierwall::nft {

Verdict denial(const std::optional<DeniedLog>& log) {
  return log ? Verdict{Verdict::Code::Goto, kDeniedChain} : Verdict{Verdict::Code::Drop, {}};
}

Rule tell_of_denied(const DeniedLog& log) {
  return {{}, LogSample{.group = log.group, .per_second = log.per_second}, "for tierwall drops"};
}

Chain denied_chain(const DeniedLog& log) {
  return {kDeniedChain,
          std::nullopt,
          "what policy denies",
          {tell_of_denied(log), {{}, Verdict{Verdict::Code::Drop, {}}, ""}}};
}

}  // namespace tierwall::nft

#include "tests/lab/zero_trust_walk.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>

#include <CLI/CLI.hpp>

#include "tests/lab/load_plan.h"
#include "tests/lab/matrix.h"
#include "tests/lab/probe.h"
#include "tests/lab/zero_trust_steps.h"

namespace tierwall::lab {
namespace {

struct WalkOptions {
  Programs programs{TIERWALL_DAEMON_PATH, TIERWALL_CLI_PATH};
  std::string manifests = TIERWALL_EXAMPLES;
};

// The walk did not show what it must.
struct Unmet {
  std::string what;
};

void require(bool condition, const std::string& what) {
  if (!condition) throw Unmet{what};
}

class Walk {
 public:
  Walk(const WalkOptions& options, const MakeWalkFeed& make_feed)
      : manifests_(options.manifests),
        color_(::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr),
        lab_(load_plan({(manifests_ / "00-cluster.yaml").string()}, "node-1")),
        feed_(make_feed(lab_)),
        daemon_(lab_.node(), options.programs, feed_->daemon_options()) {}

  void run() {
    for (std::size_t i = 0; i < walk_steps().size(); ++i) {
      const WalkStep& step = walk_steps()[i];
      std::cout << "\n"
                << bold("Step " + std::to_string(i + 1) + " of " + std::to_string(walk_steps().size()) + ": ")
                << bold(step.title) << "\n";
      if (step.repairs) show_what_is_blocked();
      take(step);
      show(step);
    }
    show_end();
  }

 private:
  [[nodiscard]] std::string bold(const std::string& text) const { return color_ ? "\033[1m" + text + "\033[0m" : text; }

  void take(const WalkStep& step) {
    std::vector<std::filesystem::path> files;
    for (const std::string& name : step.manifests) {
      files.push_back(manifests_ / name);
      std::cout << "  + " << name << "\n";
    }
    const bool first = before_.empty();
    const std::uint64_t generation = first ? 0 : daemon_.generation();
    feed_->add(daemon_, files);
    if (first) daemon_.start();
    const daemon::StatusReport status = feed_->wait_applied(daemon_, generation);
    require(status.state == daemon::State::InSync, "the daemon is not in sync after " + step.manifests.front());
    const daemon::AppliedStatus& applied = *status.applied;
    std::printf("  generation %llu in the kernel: %zu changes in one transaction, %.1f ms\n\n",
                static_cast<unsigned long long>(applied.generation), applied.changes,
                static_cast<double>(applied.duration_us) / 1000);
    std::fflush(stdout);
  }

  void show(const WalkStep& step) {
    const MatrixShape& shape = walk_shape();
    const BothFamilies expected{step.expected, expected_over_ipv6(step)};
    const BothFamilies seen = probe_matrix(lab_, shape, expected);
    std::cout << print_matrix(shape, seen.v4, before_.empty() ? nullptr : &before_, {.color = color_});
    check(seen.v4, expected.v4, "IPv4");
    show_changes(seen.v4);
    check(seen.v6, expected.v6, "IPv6");
    const bool alike = expected.v6 == expected.v4;
    std::cout << "IPv6: the same" << (alike ? "" : ", but the frontend stays closed: 0.0.0.0/0 does not cover it")
              << "\n";
    if (!step.remark.empty()) std::cout << step.remark << "\n";
    before_ = seen.v4;
  }

  void show_changes(const Cells& cells) const {
    if (before_.empty()) return;
    std::size_t opened = 0;
    std::size_t closed = 0;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (cells[i] == before_[i]) continue;
      ++(cells[i] == Outcome::Allowed ? opened : closed);
    }
    std::cout << "\n";
    if (opened + closed == 0)
      std::cout << "No change.\n";
    else
      std::cout << "Changed (*): " << opened << " opened, " << closed << " closed.\n";
  }

  static void check(const Cells& cells, const Cells& expected, const std::string& family) {
    std::string text;
    for (const std::string& difference : describe_differences(walk_shape(), cells, expected))
      text += "\n  " + difference;
    require(text.empty(), "over " + family + " this is not what the policies say:" + text);
  }

  // Shows a command and what it says, and insists on its exit status and on some words.
  void ask(const std::vector<std::string>& verb, int status, const std::vector<std::string>& words,
           bool online = false) {
    std::cout << "\n" << bold("$ tierwall");
    for (const std::string& word : verb) std::cout << bold(" " + word);
    std::cout << "\n" << std::flush;
    const CommandOutcome outcome = online ? daemon_.ask(verb) : daemon_.ask_offline(verb);
    std::cout << outcome.output << outcome.errors << std::flush;
    require(outcome.status == status,
            "exit status " + std::to_string(outcome.status) + ", expected " + std::to_string(status));
    for (const std::string& word : words)
      require((outcome.output + outcome.errors).find(word) != std::string::npos, "no word of '" + word + "'");
  }

  void explain(const std::string& from, const std::string& to, const std::string& protocol, const std::string& port,
               int status, const std::string& reason) {
    ask({"explain", "-f", "policy.d", "--from", from, "--to", to, "--proto", protocol, "--dport", port}, status,
        {reason});
  }

  void show_what_is_blocked() {
    std::cout << "First, what the seven steps before leave blocked, and why:\n";
    ask({"check", "-f", "policy.d"}, 0, {"warning", "metrics-from-monitoring"});
    explain("pod:dev-app/frontend-1", "pod:dev-app/backend-1", "tcp", "8080", 1, "default");
    explain("pod:dev-app/frontend-1", "pod:kube-system/coredns-0", "udp", "53", 1, "metrics-from-monitoring");
    std::cout << "\n";
  }

  void show_end() {
    ask({"status"}, 0, {"in sync"}, true);
    explain("pod:dev-app/frontend-2", "pod:dev-app/backend-1", "tcp", "8080", 1, "quarantine");
    const int status = daemon_.stop();
    require(status == 0, "tierwalld did not stop in order: " + std::to_string(status) + "\n" + daemon_.log());
    std::cout << "\nThe walk is complete: every cell of every table is as its policies say.\n";
  }

  std::filesystem::path manifests_;
  bool color_;
  Lab lab_;
  std::unique_ptr<WalkFeed> feed_;
  Daemon daemon_;
  Cells before_;
};

int run_walk(const WalkOptions& options, const MakeWalkFeed& make_feed) {
  if (::geteuid() != 0) {
    std::cerr << "zero-trust-walk: run it as root: it makes network namespaces (and leaves nothing of them behind)\n";
    return 1;
  }
  try {
    enter_private_run();
    Walk(options, make_feed).run();
    return 0;
  } catch (const Unmet& unmet) {
    std::cout << std::flush;
    std::cerr << "zero-trust-walk: " << unmet.what << "\n";
  } catch (const std::exception& failure) {
    std::cout << std::flush;
    std::cerr << "zero-trust-walk: " << failure.what() << "\n";
  }
  return 1;
}

}  // namespace

int walk_main(int argc, char** argv, const MakeWalkFeed& make_feed) {
  WalkOptions options;
  CLI::App app("Closes and opens an application step by step and shows after each step who reaches whom");
  app.add_option("--tierwalld", options.programs.tierwalld, "the daemon to use")->capture_default_str();
  app.add_option("--tierwall", options.programs.tierwall, "the command line tool to use")->capture_default_str();
  app.add_option("--manifests", options.manifests, "the directory with the steps' manifests")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return run_walk(options, make_feed);
}

}  // namespace tierwall::lab

#include "daemon/ctl/reachability.h"

#include <algorithm>

#include <fmt/format.h>

#include "daemon/ctl/reason_text.h"
#include "daemon/ctl/suggestion.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Verdict;

bool has_policy_of_its_own(const policy::Pod& pod) {
  const bool finished = pod.phase == policy::PodPhase::Succeeded || pod.phase == policy::PodPhase::Failed;
  return !pod.host_network && !finished && !pod.addresses.empty();
}

Result<std::vector<std::string>> choose_pods(const policy::Snapshot& world,
                                             const std::vector<std::string>& namespaces) {
  std::vector<std::string> pods;
  for (const auto& [key, pod] : world.pods) {
    const bool wanted = namespaces.empty() || std::ranges::find(namespaces, key.first) != namespaces.end();
    if (wanted && has_policy_of_its_own(pod)) pods.push_back(key.first + "/" + key.second);
  }
  for (const std::string& ns : namespaces) {
    const bool found = std::ranges::any_of(pods, [&](const std::string& pod) { return pod.starts_with(ns + "/"); });
    if (found) continue;
    std::vector<std::string> known;
    for (const auto& entry : world.pods) known.push_back(entry.first.first);
    return Error{ErrorKind::NotFound, fmt::format("no pod of namespace '{}' has policy{}", ns, suggest(ns, known))};
  }
  return pods;
}

std::string_view sign(const std::optional<Verdict>& verdict) {
  if (!verdict) return ".";
  return *verdict == Verdict::Allow ? "+" : "-";
}

/// For text between the tags of SVG, and between the quotes of DOT, whose names hold nothing but pods and blanks.
std::string escaped(std::string_view text) {
  std::string safe;
  for (const char letter : text) {
    if (letter == '&') {
      safe += "&amp;";
    } else if (letter == '<') {
      safe += "&lt;";
    } else {
      safe += letter;
    }
  }
  return safe;
}

/// Of one cell of the picture, in pixels.
constexpr std::size_t kCell = 18;
constexpr std::size_t kLetter = 7;

std::string_view fill(const std::optional<Verdict>& verdict) {
  if (!verdict) return "#eeeeee";
  return *verdict == Verdict::Allow ? "#2e9e44" : "#d64541";
}

}  // namespace

Result<Reachability> find_reachability(const policy::Snapshot& world, const ConnectionJudge& judge,
                                       const std::vector<std::string>& namespaces, const FlowWords& service,
                                       std::size_t most) {
  Result<std::vector<std::string>> pods = choose_pods(world, namespaces);
  if (!pods) return pods.error();
  if (pods->size() > most) {
    return Error{
        ErrorKind::Exhausted,
        fmt::format("{} pods are more than {}: choose namespaces with -n, or raise --most", pods->size(), most)};
  }
  Reachability reachability{.service = {}, .pods = *std::move(pods), .verdict = {}};
  for (const std::string& from : reachability.pods) {
    std::vector<std::optional<Verdict>>& row = reachability.verdict.emplace_back();
    for (const std::string& to : reachability.pods) {
      FlowWords words = service;
      words.from = "pod:" + from;
      words.to = "pod:" + to;
      const Result<FlowText> flow = parse_flow(words);
      if (!flow) return flow.error();
      const Result<Connection> connection = judge.judge(*flow);
      if (!connection) return connection.error();
      reachability.service = print_service(connection->flow);
      row.push_back(from == to ? std::nullopt : std::optional(connection->decision.verdict));
    }
  }
  return reachability;
}

std::string print_table(const Reachability& reachability, bool color) {
  const std::vector<std::string>& pods = reachability.pods;
  const std::size_t digits = std::to_string(pods.size()).size();
  std::size_t width = 0;
  for (const std::string& pod : pods) width = std::max(width, pod.size());
  std::string text = fmt::format("{}: may the row reach the column? + yes, - no\n", reachability.service);
  text += std::string(digits + 1 + width, ' ');
  for (std::size_t i = 1; i <= pods.size(); ++i) text += fmt::format(" {:>{}}", i, digits);
  text += "\n";
  for (std::size_t from = 0; from < pods.size(); ++from) {
    text += fmt::format("{:>{}} {:<{}}", from + 1, digits, pods[from], width);
    for (const std::optional<Verdict>& verdict : reachability.verdict[from]) {
      const std::string cell = fmt::format("{:>{}}", sign(verdict), digits);
      const Color shade = verdict == Verdict::Allow ? Color::Green : Color::Red;
      text += " " + paint(cell, shade, color && verdict.has_value());
    }
    text += "\n";
  }
  return text;
}

std::string print_dot(const Reachability& reachability) {
  std::string text = fmt::format("digraph \"{}\" {{\n  rankdir=LR;\n  node [shape=box];\n", reachability.service);
  for (const std::string& pod : reachability.pods) text += fmt::format("  \"{}\";\n", pod);
  for (std::size_t from = 0; from < reachability.pods.size(); ++from) {
    for (std::size_t to = 0; to < reachability.pods.size(); ++to) {
      if (reachability.verdict[from][to] != Verdict::Allow) continue;
      text += fmt::format("  \"{}\" -> \"{}\";\n", reachability.pods[from], reachability.pods[to]);
    }
  }
  return text + "}\n";
}

std::string print_svg(const Reachability& reachability) {
  const std::vector<std::string>& pods = reachability.pods;
  std::size_t longest = 0;
  for (const std::string& pod : pods) longest = std::max(longest, pod.size());
  const std::size_t left = longest * kLetter + 2 * kLetter;
  const std::size_t top = left + kCell;
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" font-family=\"monospace\" "
      "font-size=\"11\">\n"
      "<text x=\"4\" y=\"14\">{}: may the row reach the column?</text>\n",
      left + pods.size() * kCell + kCell, top + pods.size() * kCell + kCell, escaped(reachability.service));
  for (std::size_t i = 0; i < pods.size(); ++i) {
    const std::size_t middle = i * kCell + kCell * 2 / 3;
    text += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", left - 4, top + middle,
                        escaped(pods[i]));
    text += fmt::format("<text transform=\"translate({},{}) rotate(-90)\">{}</text>\n", left + middle, top - 4,
                        escaped(pods[i]));
  }
  for (std::size_t from = 0; from < pods.size(); ++from) {
    for (std::size_t to = 0; to < pods.size(); ++to) {
      const std::optional<Verdict>& verdict = reachability.verdict[from][to];
      text += fmt::format(
          "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"><title>{} to {}: {}</title></rect>\n",
          left + to * kCell, top + from * kCell, kCell - 2, kCell - 2, fill(verdict), escaped(pods[from]),
          escaped(pods[to]), verdict ? policy::print_verdict(*verdict) : "itself");
    }
  }
  return text + "</svg>\n";
}

Json to_json(const Reachability& reachability) {
  Json rows = Json::array();
  for (const auto& row : reachability.verdict) {
    Json cells = Json::array();
    for (const auto& verdict : row) cells.push_back(verdict ? Json(policy::print_verdict(*verdict)) : Json(nullptr));
    rows.push_back(std::move(cells));
  }
  return {{"service", reachability.service}, {"pods", reachability.pods}, {"verdicts", std::move(rows)}};
}

}  // namespace tierwall::daemon::ctl

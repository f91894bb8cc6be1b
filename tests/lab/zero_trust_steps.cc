#include "tests/lab/zero_trust_steps.h"

#include <stdexcept>

namespace tierwall::lab {
namespace {

// One string per source, one character per target: A allowed, . dropped, - the same host. Columns: frontend-1,
// frontend-2, backend-1, backend-2, database, dns udp 53, dns tcp 53, dns tcp 9090, stranger.
Cells read_cells(const std::vector<std::string>& rows) {
  Cells cells;
  for (const std::string& row : rows) {
    for (const char letter : row) {
      switch (letter) {
        case 'A':
          cells.emplace_back(Outcome::Allowed);
          break;
        case '.':
          cells.emplace_back(Outcome::Dropped);
          break;
        case '-':
          cells.emplace_back(std::nullopt);
          break;
        default:
          throw std::logic_error("not a cell: " + row);
      }
    }
  }
  return cells;
}

}  // namespace

const MatrixShape& walk_shape() {
  static const MatrixShape shape = {
      .sources = {{"dev-app/frontend-1", "frontend-1"},
                  {"dev-app/frontend-2", "frontend-2"},
                  {"dev-app/backend-1", "backend-1"},
                  {"dev-app/backend-2", "backend-2"},
                  {"dev-app/database-0", "database"},
                  {"kube-system/coredns-0", "dns"},
                  {"monitoring/prometheus-0", "prometheus"},
                  {"outside", "stranger"}},
      .targets = {{"dev-app/frontend-1", "frontend-1", policy::kTcp, 80},
                  {"dev-app/frontend-2", "frontend-2", policy::kTcp, 80},
                  {"dev-app/backend-1", "backend-1", policy::kTcp, 8080},
                  {"dev-app/backend-2", "backend-2", policy::kTcp, 8080},
                  {"dev-app/database-0", "database", policy::kTcp, 3306},
                  {"kube-system/coredns-0", "dns", policy::kUdp, 53},
                  {"kube-system/coredns-0", "dns", policy::kTcp, 53},
                  {"kube-system/coredns-0", "dns", policy::kTcp, 9090},
                  {"outside", "stranger", policy::kTcp, 443}},
  };
  return shape;
}

// A table: what the walk shows, written down from the semantics of the policies and not from what was seen.
const std::vector<WalkStep>& walk_steps() {
  static const std::vector<WalkStep> steps = {
      {.title = "no policy: everybody reaches everybody",
       .manifests = {"00-cluster.yaml"},
       .remark = "",
       .expected = read_cells(
           {"-AAAAAAAA", "A-AAAAAAA", "AA-AAAAAA", "AAA-AAAAA", "AAAA-AAAA", "AAAAA---A", "AAAAAAAAA", "AAAAAAAA-"})},
      {.title = "default-deny: the pods of dev-app neither send nor receive",
       .manifests = {"02-default-deny.yaml"},
       .remark = "The pods of kube-system and monitoring are selected by no policy and stay open.",
       .expected = read_cells(
           {"-........", ".-.......", "..-......", "...-.....", "....-....", ".....---A", ".....AAAA", ".....AAA-"})},
      {.title = "the frontend takes tcp 80 from 0.0.0.0/0",
       .manifests = {"03-frontend-ingress.yaml"},
       .remark = "",
       .expected = read_cells(
           {"-........", ".-.......", "..-......", "...-.....", "....-....", "AA...---A", "AA...AAAA", "AA...AAA-"})},
      {.title = "the backend takes tcp 8080 from the frontend",
       .manifests = {"04-backend-ingress.yaml"},
       .remark = "Nothing opens yet: the backend would receive, but default-deny keeps the frontend from sending.",
       .expected = read_cells(
           {"-........", ".-.......", "..-......", "...-.....", "....-....", "AA...---A", "AA...AAAA", "AA...AAA-"})},
      {.title = "the database takes tcp 3306 from the backend",
       .manifests = {"05-database-ingress.yaml"},
       .remark = "Nothing opens yet: the backend may not send.",
       .expected = read_cells(
           {"-........", ".-.......", "..-......", "...-.....", "....-....", "AA...---A", "AA...AAAA", "AA...AAA-"})},
      {.title = "every pod of dev-app may ask kube-dns over udp 53",
       .manifests = {"06-allow-dns-egress.yaml"},
       .remark = "",
       .expected = read_cells(
           {"-....A...", ".-...A...", "..-..A...", "...-.A...", "....-A...", "AA...---A", "AA...AAAA", "AA...AAA-"})},
      {.title = "only monitoring reads the metrics of kube-dns (a GlobalNetworkPolicy that selects the DNS pods)",
       .manifests = {"07-metrics-from-monitoring.yaml"},
       .remark = "Name resolution is gone: the DNS pods are selected now, and tier default denies them all else.",
       .expected = read_cells(
           {"-........", ".-.......", "..-......", "...-.....", "....-....", "AA...---A", "AA.....AA", "AA......-"})},
      {.title = "what was missing: frontend to backend, backend to database, and port 53 of kube-dns",
       .manifests = {"08-frontend-egress.yaml", "08-backend-egress.yaml", "08-dns-ingress.yaml"},
       .remark = "The application is complete, and the stranger sees nothing but the frontend.",
       .expected = read_cells(
           {"-.AA.A...", ".-AA.A...", "..-.AA...", "...-AA...", "....-A...", "AA...---A", "AA...AAAA", "AA......-"}),
       .repairs = true},
      {.title = "quarantine: tier security, before all others, cuts frontend-2 off and passes the rest",
       .manifests = {"09-quarantine.yaml"},
       .remark = "",
       .expected = read_cells(
           {"-.AA.A...", ".-.......", "..-.AA...", "...-AA...", "....-A...", "A....---A", "A....AAAA", "A.......-"})},
  };
  return steps;
}

Cells expected_over_ipv6(const WalkStep& step) {
  Cells cells = step.expected;
  const MatrixShape& shape = walk_shape();
  if (&step == &walk_steps().front()) return cells;
  for (std::size_t i = 0; i < cells.size(); ++i)
    if (cells[i] && shape.targets[i % shape.targets.size()].port == 80) cells[i] = Outcome::Dropped;
  return cells;
}

}  // namespace tierwall::lab

#include "policy/selector.h"

#include <gtest/gtest.h>

namespace tierwall::policy {
namespace {

constexpr bool kMatch = true;
constexpr bool kNoMatch = false;
constexpr const char* kParseError = nullptr;

struct Trial {
  Labels labels;
  bool match;
};

struct SelectorRow {
  int number;  // in the table of verdicts that were taken from Calico's own parser
  const char* text;
  const char* canonical;
  std::vector<Trial> trials;
};

// clang-format off
const SelectorRow kSelectorRows[] = {
    {1, "", "all()", {{{}, kMatch}, {{{"a", "b"}}, kMatch}}},
    {2, " \t ", "all()", {{{}, kMatch}}},
    {3, "\n", kParseError, {}},
    {4, "all()\n", kParseError, {}},
    {5, R"(a == "b")", R"(a == "b")", {{{{"a", "b"}}, kMatch}, {{{"a", "B"}}, kNoMatch}, {{}, kNoMatch}}},
    {6, "a=='b'", R"(a == "b")", {{{{"a", "b"}}, kMatch}}},
    {7, R"(a=="b")", R"(a == "b")", {{{{"a", "b"}}, kMatch}}},
    {8, "a = 'b'", kParseError, {}},
    {9, "a === 'b'", kParseError, {}},
    {10, "a != 'b'", R"(a != "b")", {{{{"a", "b"}}, kNoMatch}, {{{"a", "c"}}, kMatch}, {{}, kMatch}}},
    {11, "a!='b'", R"(a != "b")", {{{}, kMatch}}},
    {12, R"(a == "it's")", R"(a == "it's")", {{{{"a", "it's"}}, kMatch}}},
    {13, R"(a == 'say "x"')", R"(a == 'say "x"')", {{{{"a", R"(say "x")"}}, kMatch}}},
    {14, R"(a == "x\"y")", kParseError, {}},
    {15, R"(a == "back\\slash")", R"(a == "back\\slash")", {{{{"a", R"(back\\slash)"}}, kMatch}}},
    {16, R"(a == "")", R"(a == "")", {{{{"a", ""}}, kMatch}, {{}, kNoMatch}}},
    {17, "a == 'b", kParseError, {}},
    {18, "a == b", kParseError, {}},
    {19, "'a' == 'b'", kParseError, {}},
    {20, "a == 'b' 'c'", kParseError, {}},
    {21, R"(a in {"b"})", R"(a in {"b"})", {{{{"a", "b"}}, kMatch}, {{{"a", "c"}}, kNoMatch}, {{}, kNoMatch}}},
    {22, R"(a in{"b"})", R"(a in {"b"})", {{{{"a", "b"}}, kMatch}}},
    {23, "a in {}", "a in {}", {{{{"a", "b"}}, kNoMatch}, {{}, kNoMatch}}},
    {24, "a not in {}", "a not in {}", {{{{"a", "b"}}, kMatch}, {{}, kMatch}}},
    {25, R"(a in {"b",})", R"(a in {"b"})", {{{{"a", "b"}}, kMatch}}},
    {26, R"(a in {,"b"})", kParseError, {}},
    {27, R"(a in {"b" "c"})", kParseError, {}},
    {28, R"(a in ("b"))", kParseError, {}},
    {29, "a in {b}", kParseError, {}},
    {30, R"(a in "b")", kParseError, {}},
    {31, R"(a notin {"b"})", R"(a not in {"b"})", {{{{"a", "b"}}, kNoMatch}, {{}, kMatch}}},
    {32, "a not  in\t{\"b\"}", R"(a not in {"b"})", {{{{"a", "b"}}, kNoMatch}, {{{"a", "c"}}, kMatch}}},
    {33, R"(a not{"b"})", kParseError, {}},
    {34, R"(a inside {"b"})", kParseError, {}},
    {35, "a in {'b','b'}", R"(a in {"b"})", {{{{"a", "b"}}, kMatch}}},
    {36, R"(a contains "b")", R"(a contains "b")",
     {{{{"a", "xbx"}}, kMatch}, {{{"a", "x"}}, kNoMatch}, {{}, kNoMatch}}},
    {37, R"(a contains"b")", R"(a contains "b")", {{{{"a", "xbx"}}, kMatch}}},
    {38, R"(a contains "")", R"(a contains "")", {{{{"a", ""}}, kMatch}, {{}, kNoMatch}}},
    {39, R"(a starts with "x")", R"(a starts with "x")", {{{{"a", "xb"}}, kMatch}, {{{"a", "bx"}}, kNoMatch}}},
    {40, R"(a startswith "x")", R"(a starts with "x")", {{{{"a", "xb"}}, kMatch}}},
    {41, R"(a starts   with"x")", R"(a starts with "x")", {{{{"a", "xb"}}, kMatch}}},
    {42, R"(a starts "x")", kParseError, {}},
    {43, R"(a ends with "x")", R"(a ends with "x")", {{{{"a", "bx"}}, kMatch}, {{{"a", "xb"}}, kNoMatch}}},
    {44, "a endswith 'x'", R"(a ends with "x")", {{{{"a", "bx"}}, kMatch}}},
    {45, R"(a startswithx "x")", kParseError, {}},
    {46, R"(a Contains "b")", kParseError, {}},
    {47, "a contains b", kParseError, {}},
    {48, R"(!a contains "b")", R"(!a contains "b")", {{{{"a", "b"}}, kNoMatch}, {{}, kMatch}}},
    {49, "has(a)", "has(a)", {{{{"a", "b"}}, kMatch}, {{{"a", ""}}, kMatch}, {{}, kNoMatch}}},
    {50, "has( a )", "has(a)", {{{{"a", "b"}}, kMatch}}},
    {51, "has (a)", kParseError, {}},
    {52, "has()", kParseError, {}},
    {53, "has('a')", kParseError, {}},
    {54, "has(a", kParseError, {}},
    {55, "has(a b)", kParseError, {}},
    {56, "!has(a)", "!has(a)", {{{{"a", "b"}}, kNoMatch}, {{}, kMatch}}},
    {57, "! has(a)", "!has(a)", {{{}, kMatch}}},
    {58, "!!has(a)", "has(a)", {{{{"a", "b"}}, kMatch}, {{}, kNoMatch}}},
    {59, "has(a) has(b)", kParseError, {}},
    {60, "has(a.b/c_d-e)", "has(a.b/c_d-e)", {{{{"a.b/c_d-e", "1"}}, kMatch}}},
    {61, R"(hasa == "x")", R"(hasa == "x")", {{{{"hasa", "x"}}, kMatch}}},
    {62, R"(has == "x")", R"(has == "x")", {{{{"has", "x"}}, kMatch}}},
    {63, "HAS(a)", kParseError, {}},
    {64, "all()", "all()", {{{}, kMatch}}},
    {65, "all( )", "all()", {{{}, kMatch}}},
    {66, "all ()", kParseError, {}},
    {67, "all(a)", kParseError, {}},
    {68, "ALL()", kParseError, {}},
    {69, "!all()", "!all()", {{{}, kNoMatch}}},
    {70, "all() && has(a)", "(all() && has(a))", {{{{"a", "b"}}, kMatch}, {{}, kNoMatch}}},
    {71, R"(all == "x")", R"(all == "x")", {{{{"all", "x"}}, kMatch}}},
    {72, "global()", "global()", {{{}, kMatch}, {{{"a", "b"}}, kMatch}}},
    {73, "!global()", "!global()", {{{}, kNoMatch}}},
    {74, "global() && has(a)", "(global() && has(a))", {{{{"a", "b"}}, kMatch}, {{}, kNoMatch}}},
    {75, R"(global == "x")", R"(global == "x")", {{{{"global", "x"}}, kMatch}}},
    {76, R"(a == "b" && c == "d")", R"((a == "b" && c == "d"))",
     {{{{"a", "b"}, {"c", "d"}}, kMatch}, {{{"a", "b"}}, kNoMatch}}},
    {77, R"(a == "b"&&c=="d")", R"((a == "b" && c == "d"))", {{{{"a", "b"}, {"c", "d"}}, kMatch}}},
    {78, R"(a == "b" & c == "d")", kParseError, {}},
    {79, R"(a == "b" and c == "d")", kParseError, {}},
    {80, R"(a == "b" || c == "d")", R"((a == "b" || c == "d"))",
     {{{{"a", "b"}}, kMatch}, {{{"c", "d"}}, kMatch}, {{}, kNoMatch}}},
    {81, R"(a == "b" | c == "d")", kParseError, {}},
    {82, R"(a == "1" || b == "2" && c == "3")", R"((a == "1" || (b == "2" && c == "3")))",
     {{{{"a", "1"}}, kMatch}, {{{"b", "2"}}, kNoMatch}, {{{"b", "2"}, {"c", "3"}}, kMatch}}},
    {83, R"((a == "1" || b == "2") && c == "3")", R"(((a == "1" || b == "2") && c == "3"))",
     {{{{"a", "1"}}, kNoMatch}, {{{"a", "1"}, {"c", "3"}}, kMatch}}},
    {84, R"(!a == "b")", R"(!a == "b")", {{{{"a", "b"}}, kNoMatch}, {{}, kMatch}}},
    {85, R"(!(a == "b" && c == "d"))", R"(!(a == "b" && c == "d"))",
     {{{{"a", "b"}}, kMatch}, {{{"a", "b"}, {"c", "d"}}, kNoMatch}}},
    {86, R"(!a == "b" && c == "d")", R"((!a == "b" && c == "d"))",
     {{{{"c", "d"}}, kMatch}, {{{"a", "b"}, {"c", "d"}}, kNoMatch}}},
    {87, R"(((a == "b")))", R"(a == "b")", {{{{"a", "b"}}, kMatch}}},
    {88, R"((a == "b")", kParseError, {}},
    {89, R"(a == "b"))", kParseError, {}},
    {90, "()", kParseError, {}},
    {91, "!", kParseError, {}},
    {92, R"(a == "b" &&)", kParseError, {}},
    {93, R"(&& a == "b")", kParseError, {}},
    {94, "!!!has(a)", "!has(a)", {{{{"a", "b"}}, kNoMatch}}},
    {95, "! ! has(a)", "has(a)", {{{{"a", "b"}}, kMatch}}},
    {96, "a", kParseError, {}},
    {97, "a b", kParseError, {}},
    {98, "a ==", kParseError, {}},
    {99, R"(-a == "x")", R"(-a == "x")", {{{{"-a", "x"}}, kMatch}}},
    {100, R"(/ == "x")", R"(/ == "x")", {{{{"/", "x"}}, kMatch}}},
    {101, R"(a.b.c == "x")", R"(a.b.c == "x")", {{{{"a.b.c", "x"}}, kMatch}}},
    {102, R"(1a == "x")", R"(1a == "x")", {{{{"1a", "x"}}, kMatch}}},
    {103, R"(projectcalico.org/namespace == "ns1")", R"(projectcalico.org/namespace == "ns1")",
     {{{{"projectcalico.org/namespace", "ns1"}}, kMatch}}},
    {104, R"(a:b == "x")", kParseError, {}},
    {105, R"(a@b == "x")", kParseError, {}},
    {106, "é == \"x\"", kParseError, {}},
    {107, "a == \"é\"", "a == \"é\"", {{{{"a", "é"}}, kMatch}}},
    {108, "a == \"x\ny\"", "a == \"x\ny\"", {{{{"a", "x\ny"}}, kMatch}}},
    {109, "a\n== \"b\"", kParseError, {}},
    {110, R"(in in {"x"})", R"(in in {"x"})", {{{{"in", "x"}}, kMatch}}},
    {111, R"(not in {"x"})", R"(not in {"x"})", {{{{"not", "x"}}, kMatch}, {{}, kNoMatch}}},
    {112, R"(!in in {"x"})", R"(!in in {"x"})", {{{{"in", "x"}}, kNoMatch}, {{{"in", "y"}}, kMatch}}},
    {113, R"(not not in {"x"})", R"(not not in {"x"})", {{{{"not", "x"}}, kNoMatch}, {{}, kMatch}}},
    {114, R"(contains contains "x")", R"(contains contains "x")", {{{{"contains", "xy"}}, kMatch}}},
    {115, R"(a == "b" # c)", kParseError, {}},
    {116, R"(a == "b";)", kParseError, {}},
    {117, R"(a < "b")", kParseError, {}},
    {118, "a == 1", kParseError, {}},
    {119, "a == true", kParseError, {}},
    {120, R"(a in {'b', "c"})", R"(a in {"b", "c"})", {{{{"a", "c"}}, kMatch}}},
    {121, R"(a == "b"c == "d")", kParseError, {}},
    {122, R"(a == "b" || ! c == "d")", R"((a == "b" || !c == "d"))", {{{{"c", "d"}}, kNoMatch}, {{}, kMatch}}},
    {123, R"(a != "b" && has(a))", R"((a != "b" && has(a)))", {{{{"a", "c"}}, kMatch}, {{}, kNoMatch}}},
    {124, "%", kParseError, {}},
    {125, R"(a == "B")", R"(a == "B")", {{{{"a", "b"}}, kNoMatch}}},
    {126, R"(A == "b")", R"(A == "b")", {{{{"a", "b"}}, kNoMatch}}},
    {127, R"(a == " b")", R"(a == " b")", {{{{"a", "b"}}, kNoMatch}, {{{"a", " b"}}, kMatch}}},
};
// clang-format on

Selector selector(std::string_view text) {
  Result<Selector> parsed = parse_selector(text);
  EXPECT_TRUE(parsed) << text << ": " << parsed.error().message;
  return parsed ? *std::move(parsed) : negation(all());
}

std::string canonical(std::string_view text) {
  return print_selector(selector(text));
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

TEST(Selector, MeansWhatItMeansInCalico) {
  for (const SelectorRow& row : kSelectorRows) {
    const Result<Selector> parsed = parse_selector(row.text);
    ASSERT_EQ(static_cast<bool>(parsed), row.canonical != kParseError) << "row " << row.number << ": " << row.text;
    if (!parsed) {
      EXPECT_EQ(parsed.error().kind, ErrorKind::Malformed);
      continue;
    }
    EXPECT_EQ(print_selector(*parsed), row.canonical) << "row " << row.number;
    for (std::size_t i = 0; i < row.trials.size(); ++i) {
      EXPECT_EQ(matches(*parsed, row.trials[i].labels), row.trials[i].match) << "row " << row.number << ", trial " << i;
    }
  }
}

TEST(Selector, CanonicalTextIsAFixedPoint) {
  for (const SelectorRow& row : kSelectorRows) {
    if (row.canonical == kParseError) continue;
    EXPECT_EQ(selector(row.canonical), selector(row.text)) << "row " << row.number;
    EXPECT_EQ(canonical(row.canonical), row.canonical) << "row " << row.number;
  }
}

TEST(Selector, Row128LabelsHaveAtMost512Bytes) {
  const std::string longest(512, 'k');
  EXPECT_EQ(canonical(longest + " == \"x\""), longest + " == \"x\"");
  EXPECT_EQ(canonical("has(" + longest + ")"), "has(" + longest + ")");
  EXPECT_EQ(parse_selector("!k" + longest + " == 'x'").error().message, "column 2: label too long: at most 512 bytes");
  EXPECT_EQ(parse_selector("has(k" + longest + ")").error().message, "column 5: label too long: at most 512 bytes");
}

TEST(Selector, Row129ManyParenthesesAreFine) {
  const Selector nested = selector(repeated("(", 150) + "all()" + repeated(")", 150));
  EXPECT_EQ(print_selector(nested), "all()");
  EXPECT_TRUE(matches(nested, Labels{}));
}

TEST(Selector, Row130AndBindsTighterThanOr) {
  const Selector parsed = selector("(a == 'b') || (c == 'd') && projectcalico.org/namespace == 'ns1'");
  EXPECT_TRUE(matches(parsed, Labels{{"a", "b"}, {"projectcalico.org/namespace", "other"}}));
  EXPECT_FALSE(matches(parsed, Labels{{"c", "d"}, {"projectcalico.org/namespace", "other"}}));
}

TEST(Selector, Row131UnbalancedTextIsAnErrorOnItsOwn) {
  EXPECT_EQ(parse_selector("a == 'b') || (c == 'd'").error().message, "column 9: expected '&&', '||' or the end");
}

TEST(Selector, Row132AbsentLabelsNeedHasToBeExcluded) {
  const Selector parsed = selector("a not in {'x'} && has(a)");
  EXPECT_TRUE(matches(parsed, Labels{{"a", "y"}}));
  EXPECT_FALSE(matches(parsed, Labels{}));
  EXPECT_FALSE(matches(parsed, Labels{{"a", "x"}}));
}

TEST(Selector, DepthIsBounded) {
  const std::size_t most = kMaxSelectorDepth;
  EXPECT_TRUE(parse_selector(repeated("(", most) + "all()" + repeated(")", most)));
  EXPECT_FALSE(parse_selector(repeated("(", most + 1) + "all()" + repeated(")", most + 1)));
  EXPECT_EQ(canonical(repeated("!", most) + "has(a)"), "has(a)");
  EXPECT_EQ(parse_selector(repeated("!", most + 1) + "has(a)").error().message,
            "column 258: nested more than 256 levels deep");
  EXPECT_TRUE(parse_selector(repeated("!(", most / 2) + "all()" + repeated(")", most / 2)));
  EXPECT_FALSE(parse_selector(repeated("!(", most / 2) + "!all()" + repeated(")", most / 2)));
  EXPECT_FALSE(parse_selector(repeated("(", 8000)));
}

TEST(Selector, LongListsAreNotDeep) {
  const Selector list = selector(repeated("!(a=='b')||", 700) + "c=='d'");
  EXPECT_EQ(list.operands.size(), 701u);
  EXPECT_FALSE(matches(list, Labels{{"a", "b"}}));
  EXPECT_TRUE(matches(list, Labels{{"a", "b"}, {"c", "d"}}));
}

TEST(Selector, LengthIsBounded) {
  const std::string start = "a == '";
  const std::string most = start + std::string(kMaxSelectorLength - start.size() - 1, 'v') + "'";
  EXPECT_TRUE(parse_selector(most));
  EXPECT_EQ(parse_selector(most + " ").error().message, "column 8193: selector too long: at most 8192 bytes");
}

TEST(Selector, ErrorsNameTheColumn) {
  struct ErrorRow {
    const char* text;
    const char* message;
  };
  constexpr ErrorRow kErrors[] = {
      {"a = 'b'", "column 3: expected ==, !=, in, not in, contains, starts with or ends with"},
      {"a == b", "column 6: expected a value in quotes"},
      {"a == 'b", "column 6: the quote is not closed"},
      {"a in 'b'", "column 6: expected '{'"},
      {"a in {'b' 'c'}", "column 11: expected ',' or '}'"},
      {"a in {'b'", "column 10: expected ',' or '}'"},
      {"has(a", "column 6: expected ')'"},
      {"(a == 'b'", "column 10: expected ')'"},
      {"any()", "column 1: expected has(), all() or global() before '('"},
      {"a == 'b' &&", "column 12: expected a label, has(), all(), global() or '('"},
  };
  for (const ErrorRow& row : kErrors) EXPECT_EQ(parse_selector(row.text).error().message, row.message) << row.text;
}

TEST(SelectorComposition, CannotBeEscapedFromByText) {
  // The text that, wrapped in parentheses as Calico does, selects a == 'b' in every namespace.
  const Result<Selector> hostile = parse_selector("a == 'b' || c == 'd'");
  ASSERT_TRUE(hostile);
  const Selector composed = conjunction({*hostile, equals(std::string(kNamespaceLabel), "ns1")});
  EXPECT_EQ(print_selector(composed), "((a == \"b\" || c == \"d\") && projectcalico.org/namespace == \"ns1\")");
  EXPECT_FALSE(matches(composed, Labels{{"a", "b"}, {"projectcalico.org/namespace", "other"}}));
  EXPECT_TRUE(matches(composed, Labels{{"a", "b"}, {"projectcalico.org/namespace", "ns1"}}));
}

TEST(SelectorComposition, ValuesAndKeysCannotPretendToBeOtherTerms) {
  const Selector one = equals("a", R"(x'" && b == "y)");
  const Selector forged_key = has("a) && has(b");
  EXPECT_EQ(print_selector(one),
            "a == hex:782722202626206220"
            "3d3d202279");
  EXPECT_EQ(print_selector(forged_key), "has(hex:6129202626206861732862)");
  EXPECT_NE(print_selector(conjunction({has("c"), forged_key})),
            print_selector(conjunction({has("c"), has("a"), has("b")})));
}

TEST(SelectorComposition, ConjunctionsAreFlatAndLeaveAllOut) {
  EXPECT_EQ(conjunction({}), all());
  EXPECT_EQ(conjunction({all(), all()}), all());
  EXPECT_EQ(conjunction({all(), has("a")}), has("a"));
  EXPECT_EQ(print_selector(conjunction({has("a"), conjunction({has("b"), all(), has("c")})})),
            "(has(a) && has(b) && has(c))");
  EXPECT_EQ(print_selector(conjunction({selector("all() && (has(a) && has(b))"), has("c")})),
            "(has(a) && has(b) && has(c))");
}

TEST(SelectorComposition, SetsAreSortedAndUnique) {
  EXPECT_EQ(in("a", {"c", "b", "c"}), selector("a in {'b', 'c'}"));
  EXPECT_EQ(not_in("a", {}), selector("a not in {}"));
}

TEST(SelectorComposition, NegationsCancelOut) {
  EXPECT_EQ(negation(negation(has("a"))), has("a"));
  EXPECT_EQ(canonical("!(!(has(a)))"), "has(a)");
}

TEST(SelectorPrefix, MovesEveryKey) {
  const Selector moved = with_prefix(selector("a == 'x' || !has(b) && c in {'y'}"), kNamespacePrefix, kNamespaceLabel);
  EXPECT_EQ(print_selector(moved), "(pcns.a == \"x\" || (!has(pcns.b) && pcns.c in {\"y\"}))");
  EXPECT_EQ(label_keys(moved), (std::set<std::string>{"pcns.a", "pcns.b", "pcns.c"}));
}

TEST(SelectorPrefix, AllBecomesHavingANamespace) {
  const auto moved = [](std::string_view text) {
    return print_selector(with_prefix(selector(text), kNamespacePrefix, kNamespaceLabel));
  };
  EXPECT_EQ(moved(""), "has(projectcalico.org/namespace)");
  EXPECT_EQ(moved("all() || has(a)"), "(has(projectcalico.org/namespace) || has(pcns.a))");
  EXPECT_EQ(moved("global()"), "global()");
  EXPECT_EQ(moved("projectcalico.org/name == 'x'"), "pcns.projectcalico.org/name == \"x\"");
}

TEST(Selector, FindsGlobalAnywhere) {
  EXPECT_TRUE(mentions_global(selector("has(a) && !(has(b) || global())")));
  EXPECT_FALSE(mentions_global(selector("global == 'x' && all()")));
}

TEST(LabelSelector, NothingGivenSelectsEverything) {
  EXPECT_EQ(from_label_selector({}, {}), all());
}

TEST(LabelSelector, EveryTermMustHold) {
  const Selector both = from_label_selector({{"tier", "web"}, {"app", "shop"}}, {});
  EXPECT_EQ(print_selector(both), "(app == \"shop\" && tier == \"web\")");
  EXPECT_TRUE(matches(both, Labels{{"app", "shop"}, {"tier", "web"}}));
  EXPECT_FALSE(matches(both, Labels{{"app", "shop"}}));
}

TEST(LabelSelector, OperatorsTreatAbsentKeysAsKubernetesDoes) {
  using enum LabelRequirement::Operator;
  struct OperatorCase {
    LabelRequirement requirement;
    const char* text;
    bool absent, x, z;  // no label, a=x, a=z
  };
  const OperatorCase kCases[] = {
      {{"a", In, {"y", "x"}}, "a in {\"x\", \"y\"}", false, true, false},
      {{"a", NotIn, {"x", "y"}}, "a not in {\"x\", \"y\"}", true, false, true},
      {{"a", Exists, {}}, "has(a)", false, true, true},
      {{"a", DoesNotExist, {}}, "!has(a)", true, false, false},
  };
  for (const OperatorCase& item : kCases) {
    const Selector made = from_label_selector({}, {item.requirement});
    EXPECT_EQ(print_selector(made), item.text);
    EXPECT_EQ(matches(made, Labels{}), item.absent) << item.text;
    EXPECT_EQ(matches(made, Labels{{"a", "x"}}), item.x) << item.text;
    EXPECT_EQ(matches(made, Labels{{"a", "z"}}), item.z) << item.text;
  }
}

TEST(Selector, LooksReservedKeysUpInTheScope) {
  const Labels own = {{"app", "web"}, {"projectcalico.org/namespace", "kube-system"}};
  const LabelScope pod{.own = &own, .namespace_name = "shop", .workload = true};
  EXPECT_TRUE(matches(selector("app == 'web' && projectcalico.org/namespace == 'shop'"), pod));
  EXPECT_FALSE(matches(selector("projectcalico.org/namespace == 'kube-system'"), pod));
  EXPECT_TRUE(matches(selector("pcns.team != 'red' && !has(pcns.team)"), pod));
}

TEST(SelectorDescription, SpellsReservedKeysOut) {
  struct DescriptionRow {
    const char* text;
    const char* words;
  };
  constexpr DescriptionRow kDescriptions[] = {
      {"projectcalico.org/orchestrator == 'k8s' && projectcalico.org/namespace == 'dev-app' && app == 'frontend'",
       "pods of dev-app with app == 'frontend'"},
      {"projectcalico.org/orchestrator == 'k8s' && projectcalico.org/namespace == 'dev-app'", "pods of dev-app"},
      {"projectcalico.org/orchestrator == 'k8s' && has(projectcalico.org/namespace)", "pods of any namespace"},
      {"projectcalico.org/orchestrator == 'k8s'", "pods"},
      {"projectcalico.org/namespace == 'dev-app' && has(app)", "endpoints of dev-app with has(app)"},
      {"projectcalico.org/orchestrator == 'k8s' && pcns.kubernetes.io/metadata.name == 'monitoring' && app == 'x'",
       "pods with namespace label kubernetes.io/metadata.name == 'monitoring' and app == 'x'"},
      {"pcns.team in {'a', 'b'} && !has(pcns.test)", "namespace label team in {'a', 'b'} and no namespace label test"},
      {"projectcalico.org/serviceaccount in {'robot'} && pcsa.role != 'x'",
       "service account in {'robot'} and service account label role != 'x'"},
      {"has(pcns.team)", "namespace label team"},
      {"a == 'b' || !c contains 'd'", "(a == 'b' || !c contains 'd')"},
      {"a == 'b' && (c == 'd' || has(e))", "a == 'b' and (c == 'd' || has(e))"},
      {"projectcalico.org/namespace != 'x'", "projectcalico.org/namespace != 'x'"},
      {"projectcalico.org/namespace == 'x' && projectcalico.org/namespace == 'y'",
       "endpoints of x with projectcalico.org/namespace == 'y'"},
      {"", "all()"},
  };
  for (const DescriptionRow& row : kDescriptions) EXPECT_EQ(describe_selector(selector(row.text)), row.words);
}

TEST(SelectorDescription, FitsBetweenDoubleQuotesOnOneLine) {
  EXPECT_EQ(describe_selector(equals("a", "x\" comment\n\x7f")),
            "a == 'x' comment?"
            "?'");
  EXPECT_EQ(describe_selector(equals("projectcalico.org/namespace", "\"")), "endpoints of '");
  EXPECT_EQ(describe_selector(has("pcns.\"")), "namespace label hex:22");
}

}  // namespace
}  // namespace tierwall::policy

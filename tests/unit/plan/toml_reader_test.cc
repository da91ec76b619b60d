// SPDX-License-Identifier: Apache-2.0
#include "plan/toml_reader.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsStatus;

enum class Colour { kRed, kGreen };
constexpr NamedValue<Colour> kColours[] = {{"red", Colour::kRed}, {"green", Colour::kGreen}};

TomlTable Parsed(absl::string_view text) { return *TomlTable::Parse(text); }

auto Refusal(absl::string_view message) {
  return IsStatus(absl::StatusCode::kInvalidArgument, std::string(message));
}

TEST(TomlTableTest, ReadsEveryKindOfValue) {
  TomlTable root = Parsed(R"(
text = "abc"
count = -7
rate = 0.25
whole = 3
on = true
names = ["a", "b"]
sizes = [1, 2]
colour = "green"
)");
  std::string text;
  int64_t count = 0;
  double rate = 0, whole = 0;
  bool on = false;
  std::vector<std::string> names;
  std::vector<int64_t> sizes;
  Colour colour = Colour::kRed;
  EXPECT_TRUE(root.String("text", &text));
  EXPECT_TRUE(root.Int("count", {}, &count));
  EXPECT_TRUE(root.Double("rate", {}, &rate));
  EXPECT_TRUE(root.Double("whole", {}, &whole));
  EXPECT_TRUE(root.Bool("on", &on));
  EXPECT_TRUE(root.Strings("names", &names));
  EXPECT_TRUE(root.Ints("sizes", {}, &sizes));
  EXPECT_TRUE(root.Enum("colour", kColours, &colour));
  MR_EXPECT_OK(root.Finish());
  EXPECT_EQ(text, "abc");
  EXPECT_EQ(count, -7);
  EXPECT_EQ(rate, 0.25);
  EXPECT_EQ(whole, 3);
  EXPECT_TRUE(on);
  EXPECT_THAT(names, ElementsAre("a", "b"));
  EXPECT_THAT(sizes, ElementsAre(1, 2));
  EXPECT_EQ(colour, Colour::kGreen);
}

TEST(TomlTableTest, AbsentKeysKeepTheirDefaults) {
  TomlTable root = Parsed("");
  std::string text = "default";
  int64_t count = 4;
  std::vector<std::string> names = {"x"};
  Colour colour = Colour::kGreen;
  EXPECT_FALSE(root.String("text", &text));
  EXPECT_FALSE(root.Int("count", {}, &count));
  EXPECT_FALSE(root.Strings("names", &names));
  EXPECT_FALSE(root.Enum("colour", kColours, &colour));
  EXPECT_FALSE(root.Table("server").Int("port", {}, &count));
  EXPECT_THAT(root.Tables("source"), IsEmpty());
  MR_EXPECT_OK(root.Finish());
  EXPECT_EQ(text, "default");
  EXPECT_EQ(count, 4);
  EXPECT_THAT(names, ElementsAre("x"));
  EXPECT_EQ(colour, Colour::kGreen);
}

TEST(TomlTableTest, ReadsTablesWithinTablesAndArraysOfTables) {
  TomlTable root = Parsed(R"(
[server.tls]
port = 443
[[source]]
name = "a"
[[source]]
name = "b"
)");
  int64_t port = 0;
  EXPECT_TRUE(root.Table("server").Table("tls").Int("port", {1, 65535}, &port));
  EXPECT_EQ(port, 443);
  std::vector<std::string> names(2);
  std::vector<TomlTable> sources = root.Tables("source");
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_TRUE(sources[0].String("name", &names[0]));
  EXPECT_TRUE(sources[1].String("name", &names[1]));
  EXPECT_THAT(names, ElementsAre("a", "b"));
  MR_EXPECT_OK(root.Finish());
}

TEST(TomlTableTest, UnknownKeyIsRefusedWithLineAndNearestName) {
  TomlTable root = Parsed("\n[training]\nlerning_rate = 0.1\n");
  double rate = 0;
  root.Table("training").Double("learning_rate", {}, &rate);
  EXPECT_THAT(root.Finish(),
              Refusal("line 3: [training] lerning_rate: unknown key; did you mean learning_rate?"));
}

TEST(TomlTableTest, UnknownKeyFarFromAllOthersListsThem) {
  TomlTable root = Parsed("colour = 1");
  int64_t count = 0;
  root.Int("width", {}, &count);
  root.Int("height", {}, &count);
  EXPECT_THAT(root.Finish(), Refusal("line 1: colour: unknown key; known here: height, width"));
}

TEST(TomlTableTest, UnknownTableIsRefused) {
  TomlTable root = Parsed("[trainning]\nepochs = 1\n");
  root.Table("training");
  EXPECT_THAT(root.Finish(), Refusal("line 1: [trainning]: unknown table; did you mean training?"));
}

TEST(TomlTableTest, UnknownKeysInArraysOfTablesAreFound) {
  TomlTable root = Parsed("[[source]]\nname = 'a'\n[[source]]\nnane = 'b'\n");
  std::string name;
  for (TomlTable& source : root.Tables("source")) source.String("name", &name);
  EXPECT_THAT(root.Finish(), Refusal("line 4: [source #2] nane: unknown key; did you mean name?"));
}

TEST(TomlTableTest, UnknownKeyIsReportedBeforeTheKeyThatItMakesMissing) {
  TomlTable root = Parsed("nane = 'a'");
  std::string name;
  root.String("name", &name);
  root.Require("name", "it is needed");
  EXPECT_THAT(root.Finish(), Refusal("line 1: nane: unknown key; did you mean name?"));
}

TEST(TomlTableTest, WrongTypesAreRefused) {
  const auto refusal = [](absl::string_view text, auto read) {
    TomlTable root = Parsed(text);
    EXPECT_FALSE(read(root));
    return std::string(root.Finish().message());
  };
  std::string s;
  int64_t i;
  double d;
  bool b;
  std::vector<std::string> ss;
  std::vector<int64_t> is;
  EXPECT_EQ(refusal("k = 1", [&](TomlTable& t) { return t.String("k", &s); }),
            "line 1: k = 1: must be a string");
  EXPECT_EQ(refusal("k = 1.5", [&](TomlTable& t) { return t.Int("k", {}, &i); }),
            "line 1: k = 1.5: must be an integer");
  EXPECT_EQ(refusal("k = '1'", [&](TomlTable& t) { return t.Double("k", {}, &d); }),
            "line 1: k = \"1\": must be a number");
  EXPECT_EQ(refusal("k = 1", [&](TomlTable& t) { return t.Bool("k", &b); }),
            "line 1: k = 1: must be true or false");
  EXPECT_THAT(refusal("k = ['a', 1]", [&](TomlTable& t) { return t.Strings("k", &ss); }),
              HasSubstr("must be an array of strings"));
  EXPECT_THAT(refusal("k = 'a'", [&](TomlTable& t) { return t.Strings("k", &ss); }),
              HasSubstr("must be an array of strings"));
  EXPECT_THAT(refusal("k = [1, 2.0]", [&](TomlTable& t) { return t.Ints("k", {}, &is); }),
              HasSubstr("must be an array of integers"));
  EXPECT_THAT(refusal("k = 1", [&](TomlTable& t) { return t.Table("k").Has("x"); }),
              HasSubstr("must be a table [k]"));
  EXPECT_THAT(refusal("k = [1]", [&](TomlTable& t) { return !t.Tables("k").empty(); }),
              HasSubstr("must be tables [[k]]"));
}

TEST(TomlTableTest, NumbersThatAreNotFiniteAreRefused) {
  for (const char* value : {"nan", "inf", "-inf"}) {
    TomlTable root = Parsed(absl::StrCat("rate = ", value));
    double rate = 1;
    EXPECT_FALSE(root.Double("rate", {}, &rate));
    EXPECT_EQ(rate, 1);
    EXPECT_THAT(root.Finish(),
                Refusal(absl::StrCat("line 1: rate = ", value, ": must be a finite number")));
  }
}

TEST(TomlTableTest, BoundsOfIntegersAreInclusive) {
  int64_t n = 0;
  for (const char* text : {"n = 1", "n = 5"}) EXPECT_TRUE(Parsed(text).Int("n", {1, 5}, &n));
  for (const char* text : {"n = 0", "n = 6"}) {
    TomlTable root = Parsed(text);
    EXPECT_FALSE(root.Int("n", {1, 5}, &n));
    EXPECT_THAT(root.Finish(), Refusal(absl::StrCat("line 1: ", text, ": must be from 1 to 5")));
  }
  TomlTable root = Parsed("n = -1");
  EXPECT_FALSE(root.Int("n", {.min = 0}, &n));
  EXPECT_THAT(root.Finish(), Refusal("line 1: n = -1: must be at least 0"));
}

TEST(TomlTableTest, BoundsOfNumbersAreOpenWhereTheyAreSaidToBe) {
  constexpr DoubleRange kOpen{.min = 0, .max = 1, .above_min = true, .below_max = true};
  double x = 0;
  for (const char* text : {"x = 0.0", "x = 1"}) {
    EXPECT_TRUE(Parsed(text).Double("x", {.min = 0, .max = 1}, &x)) << text;
    TomlTable root = Parsed(text);
    EXPECT_FALSE(root.Double("x", kOpen, &x)) << text;
    EXPECT_THAT(root.Finish(), IsStatus(absl::StatusCode::kInvalidArgument,
                                        HasSubstr("must be above 0 and below 1")));
  }
  TomlTable root = Parsed("x = 1.5");
  EXPECT_FALSE(root.Double("x", {.min = 0, .max = 1}, &x));
  EXPECT_THAT(root.Finish(), Refusal("line 1: x = 1.5: must be at least 0 and at most 1"));
}

TEST(TomlTableTest, BoundsHoldForEachEntryOfAnArray) {
  TomlTable root = Parsed("sizes = [4, 0]");
  std::vector<int64_t> sizes;
  EXPECT_FALSE(root.Ints("sizes", {.min = 1}, &sizes));
  EXPECT_THAT(root.Finish(), IsStatus(absl::StatusCode::kInvalidArgument,
                                      HasSubstr("each entry must be at least 1")));
}

TEST(TomlTableTest, EnumListsItsNamesAndSuggestsOne) {
  TomlTable root = Parsed("colour = 'gren'");
  Colour colour = Colour::kRed;
  EXPECT_FALSE(root.Enum("colour", kColours, &colour));
  EXPECT_THAT(root.Finish(), Refusal("line 1: colour = \"gren\": must be one of red, green; did "
                                     "you mean green?"));
}

TEST(TomlTableTest, EmptyStringsAreRefusedWhereTheyMeanNothing) {
  TomlTable root = Parsed("name = ''");
  std::string name;
  EXPECT_FALSE(root.NonEmptyString("name", &name));
  EXPECT_THAT(root.Finish(), Refusal("line 1: name = \"\": must not be empty"));
}

TEST(TomlTableTest, RequireNamesTheTableAndWhatTheKeyIsFor) {
  TomlTable present = Parsed("\n[run]\n");
  present.Table("run").Require("name", "it names the run");
  EXPECT_THAT(present.Finish(), Refusal("line 2: [run] name: missing; it names the run"));
  TomlTable absent = Parsed("");
  absent.Table("run").Require("name", "it names the run");
  EXPECT_THAT(absent.Finish(), Refusal("[run] name: missing; it names the run"));
}

TEST(TomlTableTest, ForbidRefusesOnlyWhatIsThere) {
  TomlTable root = Parsed("cap = 1");
  root.Forbid("classes", "not used");
  root.Forbid("cap", "not used");
  EXPECT_THAT(root.Finish(), Refusal("line 1: cap = 1: not used"));
}

TEST(TomlTableTest, TheFirstFaultIsReported) {
  TomlTable root = Parsed("a = 'x'\nb = 'y'\n");
  int64_t n;
  root.Int("b", {}, &n);
  root.Int("a", {}, &n);
  EXPECT_THAT(root.Finish(), Refusal("line 2: b = \"y\": must be an integer"));
}

TEST(TomlTableTest, ValuesAreShownShortAndOnOneLine) {
  TomlTable root = Parsed(absl::StrCat("k = \"", std::string(500, 'x'), "\\n\""));
  int64_t n;
  root.Int("k", {}, &n);
  const std::string message(root.Finish().message());
  EXPECT_LT(message.size(), 120u);
  EXPECT_THAT(message, HasSubstr("xxx...: must be an integer"));
}

TEST(TomlTableTest, SyntaxErrorsCarryLineAndColumn) {
  EXPECT_THAT(TomlTable::Parse("a = 1\nb = = 2\n"),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("line 2, column 5: ")));
  EXPECT_THAT(TomlTable::Parse("a = 1\na = 2\n"),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("line 2")));
}

TEST(TomlTableTest, HostileTextsAreRefusedWithoutACrash) {
  const std::string deep_array = absl::StrCat("a = ", std::string(100'000, '['));
  std::string deep_inline = "a = ";
  for (int i = 0; i < 10'000; ++i) absl::StrAppend(&deep_inline, "{a = ");
  for (const std::string& text :
       {deep_array, deep_inline, std::string("\0", 1), std::string("a = \"\xff\xfe\""),
        std::string("\xef\xbb"), std::string("[[[[["), std::string("a = 99999999999999999999")}) {
    EXPECT_FALSE(TomlTable::Parse(text).ok()) << text.substr(0, 40);
  }
}

TEST(TomlTableTest, TextsOfMoreThanAMebibyteAreRefused) {
  MR_EXPECT_OK(TomlTable::Parse(std::string(kMaxTomlBytes, '\n')));
  EXPECT_THAT(TomlTable::Parse(std::string(kMaxTomlBytes + 1, '\n')),
              Refusal("1048577 bytes of TOML; at most 1048576 are accepted"));
}

std::string DottedKey(int parts) {
  std::string key = "a";
  for (int i = 1; i < parts; ++i) absl::StrAppend(&key, ".a");
  return key;
}

TEST(TomlTableTest, KeysOfManyPartsAreRefusedBeforeTheyNest) {
  MR_EXPECT_OK(TomlTable::Parse(absl::StrCat(DottedKey(16), " = 1")));
  const std::string deep = absl::StrCat(DottedKey(17), " = 1");
  const std::string abyss = DottedKey(500'000);
  for (const std::string& text :
       {deep, absl::StrCat(abyss, " = 1"), absl::StrCat("[", abyss, "]"),
        absl::StrCat("x = 1\ny = {", deep, "}"), absl::StrCat("\"q\".", deep),
        // Multi-line strings that end in quotes of their own hide nothing behind them.
        absl::StrCat("x = [\"\"\"a\"\"\"\", {", deep, "}]"),
        absl::StrCat("x = ['''a''''', {", deep, "}]")}) {
    EXPECT_THAT(TomlTable::Parse(text), IsStatus(absl::StatusCode::kInvalidArgument,
                                                 HasSubstr("more than 16 dotted parts")))
        << text.substr(0, 60);
  }
}

TEST(TomlTableTest, TheDeepestTextThatIsAcceptedDoesNotExhaustTheStack) {
  // Tables of 16 parts within one another, as deep as toml++ allows and one level deeper.
  const std::string open = absl::StrCat("{", DottedKey(16), " = ");
  int depth = 0;
  bool accepted = true;
  while (accepted && depth < 1000) {
    ++depth;
    std::string text = "a = ";
    for (int i = 0; i < depth; ++i) absl::StrAppend(&text, open);
    absl::StrAppend(&text, "1", std::string(depth, '}'));
    accepted = TomlTable::Parse(text).ok();
  }
  EXPECT_FALSE(accepted);
  EXPECT_GT(depth, 100);  // what was accepted before was deep
}

TEST(TomlTableTest, DotsInStringsCommentsAndNumbersAreNoKeys) {
  const std::string dots(100, '.');
  MR_EXPECT_OK(TomlTable::Parse(absl::StrCat(
      "a = \"", dots, "\\\"", dots, "\" # ", dots, "\n", "b = '", dots, "'\n", "c = \"\"\"", dots,
      "\n\"", dots, "\"\"\"\n", "d = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, ",
      "0.8, 0.9, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]\n")));
}

}  // namespace
}  // namespace millrace

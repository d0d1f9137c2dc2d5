#include "daemon/wspctl/table.h"

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> LinesOf(absl::string_view text) {
  return absl::StrSplit(text, '\n');
}

const std::vector<Column> kColumns = {
    {"ID", true}, {"NAME", false, true}, {"N", true}};

TEST(TableTest, AlignsTextLeftAndNumbersRight) {
  Table table(kColumns, TextStyle());
  EXPECT_EQ(table.Format({{{"1"}, {"ab"}, {"1000"}}, {{"20"}, {"c"}, {"-"}}}),
            "ID  NAME     N\n"
            " 1  ab    1000\n"
            "20  c        -\n");
}

TEST(TableTest, WithoutRowsThereIsTheHeading) {
  EXPECT_EQ(Table(kColumns, TextStyle()).Format({}), "ID  NAME  N\n");
}

TEST(TableTest, LaterRowsHaveNoHeadingAndNoNarrowerColumns) {
  Table table(kColumns, TextStyle());
  EXPECT_EQ(table.Format({{{"1"}, {"abcdef"}, {"1"}}}),
            "ID  NAME    N\n 1  abcdef  1\n");
  EXPECT_EQ(table.Format({{{"2"}, {"a"}, {"100"}}}), " 2  a       100\n");
}

TEST(TableTest, OnATerminalNoLineIsLongerThanIt) {
  const std::string name(100, 'x');
  for (int width = 1; width < 130; ++width) {
    Table table(kColumns, {width, false});
    for (const std::string& line :
         LinesOf(table.Format({{{"12345678"}, {name}, {"12345678"}}}))) {
      EXPECT_LE(line.size(), static_cast<size_t>(width)) << line;
    }
  }
}

TEST(TableTest, LongColumnsAreCutBeforeShortOnes) {
  Table table({{"A", false, true}, {"B", false, true}, {"C"}}, {45, false});
  EXPECT_THAT(
      LinesOf(table.Format({{{std::string(50, 'a')},
                             {std::string(14, 'b')},
                             {std::string(5, 'c')}}})),
      ElementsAre("A" + std::string(23, ' ') + "B" + std::string(15, ' ') + "C",
                  std::string(19, 'a') + "...  bbbbbbbbbbbbbb  ccccc", ""));
}

TEST(TableTest, WhatDoesntFitAtAllIsLeftOutOnTheRight) {
  Table table({{"AAAAAAAA"}, {"BBBBBBBB"}, {"CCCCCCCC"}}, {15, false});
  EXPECT_EQ(table.Format({{{"12345678"}, {"12345678"}, {"1"}}}),
            "AAAAAAAA  BB...\n12345678  12...\n");
  Table narrow({{"AAAAAAAA"}, {"BBBBBBBB"}, {"CCCCCCCC"}}, {12, false});
  EXPECT_EQ(narrow.Format({{{"12345678"}, {"12345678"}, {"1"}}}),
            "AAAAAAAA\n12345678\n");
}

TEST(TableTest, ColorTakesNoColumns) {
  Table table({{"A"}, {"B"}}, {0, true});
  EXPECT_EQ(table.Format({{{"x", Color::kGreen}, {"y"}}}),
            "\x1b[1mA\x1b[0m  \x1b[1mB\x1b[0m\n\x1b[32mx\x1b[0m  y\n");
}

}  // namespace
}  // namespace wspd

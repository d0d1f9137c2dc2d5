#include "client_stub/preload/wsprun/command_line.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wsp {
namespace {

using ::testing::ElementsAre;

WsprunCommand Parse(const std::vector<std::string>& arguments) {
  WsprunCommand command;
  std::string error;
  EXPECT_TRUE(ParseWsprunCommand(arguments, &command, &error)) << error;
  return command;
}

std::string ErrorOf(const std::vector<std::string>& arguments) {
  WsprunCommand command;
  std::string error;
  EXPECT_FALSE(ParseWsprunCommand(arguments, &command, &error));
  return error;
}

TEST(CommandLineTest, OptionsEndAtTheProgram) {
  const WsprunCommand command =
      Parse({"--fallback", "curl", "--socket", "--", "-v"});
  EXPECT_TRUE(command.fallback);
  EXPECT_EQ(command.plane, "auto");
  EXPECT_EQ(command.socket_path, "");
  EXPECT_THAT(command.program, ElementsAre("curl", "--socket", "--", "-v"));
}

TEST(CommandLineTest, DashesEndOptions) {
  EXPECT_THAT(Parse({"--", "--fallback"}).program, ElementsAre("--fallback"));
}

TEST(CommandLineTest, ValuesStandAloneOrBehindAnEqualsSign) {
  for (const WsprunCommand& command :
       {Parse({"--socket", "/s", "--plane", "lent", "p"}),
        Parse({"--socket=/s", "--plane=lent", "p"})}) {
    EXPECT_EQ(command.socket_path, "/s");
    EXPECT_EQ(command.plane, "lent");
    EXPECT_THAT(command.program, ElementsAre("p"));
  }
}

TEST(CommandLineTest, PlanesAreTheseThree) {
  for (const char* plane : {"lent", "relayed", "auto"}) {
    EXPECT_EQ(Parse({"--plane", plane, "p"}).plane, plane);
  }
  EXPECT_EQ(Parse({"p"}).plane, "auto");
}

TEST(CommandLineTest, HelpAndVersionNeedNoProgram) {
  EXPECT_EQ(Parse({"--help"}).action, WsprunCommand::Action::kHelp);
  EXPECT_EQ(Parse({"--version", "x"}).action, WsprunCommand::Action::kVersion);
}

TEST(CommandLineTest, ErrorsSayWhatWouldBeRight) {
  EXPECT_EQ(ErrorOf({}), "no program to run");
  EXPECT_EQ(ErrorOf({"--fallback", "--"}), "no program to run");
  EXPECT_EQ(ErrorOf({"--socket"}), "--socket needs a value");
  EXPECT_EQ(ErrorOf({"--socket=", "p"}), "--socket needs a path");
  EXPECT_EQ(ErrorOf({"--fast", "p"}), "unknown option '--fast'");
  EXPECT_EQ(ErrorOf({"--plane=slow", "p"}),
            "--plane is lent, relayed or auto, not 'slow'");
}

}  // namespace
}  // namespace wsp

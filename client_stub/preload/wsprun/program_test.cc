#include "client_stub/preload/wsprun/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wsp {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr uid_t kAnother = 70001;

class ProgramTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/wspd-program.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    const std::string command = "rm -r " + folder_;
    EXPECT_EQ(system(command.c_str()), 0);
  }

  std::string Write(const std::string& name, const std::string& contents,
                    mode_t mode = 0755) {
    std::string path = folder_ + "/" + name;
    std::ofstream(path) << contents;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }

  static std::string Contents(const std::string& path) {
    std::ostringstream contents;
    contents << std::ifstream(path).rdbuf();
    return contents.str();
  }

  static bool MayBecomeAnother() {
    const pid_t child = fork();
    if (child == 0) {
      _exit(setgid(kAnother) == 0 && setuid(kAnother) == 0 ? 0 : 1);
    }
    int status;
    return waitpid(child, &status, 0) == child && status == 0;
  }

  // What another user is told.
  static std::string WhyNotForAnother(const std::string& path) {
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) abort();
    const pid_t child = fork();
    if (child == 0) {
      if (setgid(kAnother) != 0 || setuid(kAnother) != 0) _exit(1);
      const std::string why = WhyNotPreloadable(path);
      _exit(write(pipe_ends[1], why.data(), why.size()) ==
                    static_cast<ssize_t>(why.size())
                ? 0
                : 1);
    }
    close(pipe_ends[1]);
    char why[1000] = {};
    const ssize_t size = read(pipe_ends[0], why, sizeof why - 1);
    close(pipe_ends[0]);
    int status;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    return std::string(why, static_cast<size_t>(std::max<ssize_t>(size, 0)));
  }

  std::string folder_;
};

TEST_F(ProgramTest, NamesWithASlashAreTheFile) {
  std::string file;
  EXPECT_EQ(FindProgram("/bin/sh", "/nowhere", &file), 0);
  EXPECT_EQ(file, "/bin/sh");
  EXPECT_EQ(FindProgram("/nowhere/x", nullptr, &file), ENOENT);
  EXPECT_EQ(FindProgram("/tmp/", nullptr, &file), EACCES);
}

TEST_F(ProgramTest, OtherNamesAreSearchedInOrder) {
  mkdir((folder_ + "/a").c_str(), 0755);
  mkdir((folder_ + "/b").c_str(), 0755);
  Write("a/only_data", "", 0644);
  const std::string wanted = Write("b/tool", "");
  const std::string path = folder_ + "/a:" + folder_ + "/b";
  std::string file;
  EXPECT_EQ(FindProgram("tool", path.c_str(), &file), 0);
  EXPECT_EQ(file, wanted);
  EXPECT_EQ(FindProgram("only_data", path.c_str(), &file), EACCES);
  EXPECT_EQ(FindProgram("neither", path.c_str(), &file), ENOENT);
  EXPECT_EQ(FindProgram("", path.c_str(), &file), ENOENT);
  EXPECT_EQ(FindProgram("sh", nullptr, &file), 0);
}

TEST_F(ProgramTest, DynamicProgramsCanBePreloaded) {
  EXPECT_EQ(WhyNotPreloadable("/bin/true"), "");
  EXPECT_EQ(WhyNotPreloadable("/proc/self/exe"), "");
}

TEST_F(ProgramTest, StaticProgramsCannot) {
  // Without its loader's segment a program is one.
  std::string program = Contents("/bin/true");
  const char kInterp[] = {3, 0, 0, 0, 4, 0, 0, 0};  // PT_INTERP, PF_R
  const size_t at = program.find(std::string(kInterp, sizeof kInterp));
  ASSERT_NE(at, std::string::npos);
  program[at] = 0;
  EXPECT_THAT(WhyNotPreloadable(Write("static", program)),
              EndsWith("/static is statically linked"));
}

TEST_F(ProgramTest, TheLoaderAsACommandPreloads) {
  EXPECT_EQ(WhyNotPreloadable("/lib64/ld-linux-x86-64.so.2"), "");
}

TEST_F(ProgramTest, ForeignProgramsCannot) {
  std::string program = Contents("/bin/true");
  std::string other = program;
  other[4] = 1;  // ELFCLASS32
  EXPECT_THAT(WhyNotPreloadable(Write("narrow", other)),
              HasSubstr("another word size"));
  other = program;
  other[18] = 0x28;  // EM_ARM
  EXPECT_THAT(WhyNotPreloadable(Write("arm", other)),
              HasSubstr("another processor"));
  other = program;
  const size_t at = other.find("/ld-linux");
  ASSERT_NE(at, std::string::npos);
  other.replace(at, 9, "/ld-muslx");
  EXPECT_THAT(WhyNotPreloadable(Write("musl", other)),
              HasSubstr("another C library's loader, /lib64/ld-musl"));
}

TEST_F(ProgramTest, TheInterpreterOfAScriptDecides) {
  std::string program = Contents("/bin/true");
  program[4] = 1;
  const std::string narrow = Write("narrow", program);
  const std::string inner = Write("inner", "#! " + narrow + " -x\n");
  EXPECT_THAT(WhyNotPreloadable(Write("outer", "#!" + inner + "\n")),
              StartsWith(narrow));
  EXPECT_EQ(WhyNotPreloadable(Write("script", "#!/bin/sh\nexit 0\n")), "");
  EXPECT_EQ(WhyNotPreloadable(Write("without", "exit 0\n")), "");
  EXPECT_EQ(WhyNotPreloadable(Write("empty", "#!\n")), "");
  // Ends although each is the other's.
  const std::string loop = folder_ + "/loop";
  EXPECT_EQ(WhyNotPreloadable(Write("loop", "#!" + loop + "\n")), "");
}

TEST_F(ProgramTest, PrivilegedProgramsCannotUnlessTheyGainNothing) {
  if (!MayBecomeAnother()) GTEST_SKIP() << "there is one user only";
  ASSERT_EQ(chmod(folder_.c_str(), 0755), 0);
  const std::string program = Contents("/bin/true");
  const std::string user = Write("user", program, 04755);
  const std::string group = Write("group", program, 02755);
  EXPECT_EQ(WhyNotPreloadable(user), "");
  EXPECT_THAT(WhyNotForAnother(user), EndsWith("/user is set-user-ID"));
  EXPECT_THAT(WhyNotForAnother(group), EndsWith("/group is set-group-ID"));
  // What it is, and what it would gain, nobody can say.
  EXPECT_THAT(WhyNotForAnother(Write("unreadable", program, 0711)),
              HasSubstr("/unreadable can't be read"));
  const std::string capable = Write("capable", program);
  EXPECT_EQ(WhyNotForAnother(capable), "");
  const std::string set_capability =
      "PATH=$PATH:/usr/sbin:/sbin setcap cap_net_raw+ep " + capable;
  if (system(set_capability.c_str()) == 0) {
    EXPECT_THAT(WhyNotForAnother(capable), HasSubstr("file capabilities"));
  }
}

}  // namespace
}  // namespace wsp

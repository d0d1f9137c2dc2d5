#include "client_stub/preload/seccomp_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#include <cerrno>
#include <vector>

#include "gtest/gtest.h"

namespace wsp {
namespace {

using Code = std::vector<sock_filter>;

constexpr uint32_t kNumber = offsetof(seccomp_data, nr);
constexpr uint32_t kArch = offsetof(seccomp_data, arch);

uint32_t LowHalfOf(int argument) {
  return static_cast<uint32_t>(offsetof(seccomp_data, args) + 8 * argument);
}
uint32_t HighHalfOf(int argument) { return LowHalfOf(argument) + 4; }

sock_filter Load(uint32_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset);
}
sock_filter Return(uint32_t action) {
  return BPF_STMT(BPF_RET | BPF_K, action);
}
sock_filter IfEqual(uint32_t value, uint8_t yes, uint8_t no) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no);
}

bool Allows(Code code, const FilteredCall& call) {
  const sock_fprog filter = {static_cast<unsigned short>(code.size()),
                             code.data()};
  return FilterAllows(filter, call);
}

// What one action lets pass.
bool Passes(uint32_t action) { return Allows({Return(action)}, {SYS_sendto}); }

TEST(SeccompFilterTest, OnlyWhatPassesUnchangedIsAllowed) {
  EXPECT_TRUE(Passes(SECCOMP_RET_ALLOW));
  EXPECT_TRUE(Passes(SECCOMP_RET_LOG));
  EXPECT_FALSE(Passes(SECCOMP_RET_ERRNO | EPERM));
  // An error of 0 skips the call, too.
  EXPECT_FALSE(Passes(SECCOMP_RET_ERRNO));
  EXPECT_FALSE(Passes(SECCOMP_RET_TRAP));
  EXPECT_FALSE(Passes(SECCOMP_RET_TRACE));
  EXPECT_FALSE(Passes(SECCOMP_RET_USER_NOTIF));
  EXPECT_FALSE(Passes(SECCOMP_RET_KILL_THREAD));
  EXPECT_FALSE(Passes(SECCOMP_RET_KILL_PROCESS));
}

TEST(SeccompFilterTest, ListsOfCallsAreTold) {
  const Code code = {Load(kArch),
                     IfEqual(AUDIT_ARCH_X86_64, 1, 0),
                     Return(SECCOMP_RET_KILL_PROCESS),
                     Load(kNumber),
                     IfEqual(SYS_read, 1, 0),
                     IfEqual(SYS_write, 0, 1),
                     Return(SECCOMP_RET_ALLOW),
                     Return(SECCOMP_RET_KILL_PROCESS)};
  EXPECT_TRUE(Allows(code, {SYS_read}));
  EXPECT_TRUE(Allows(code, {SYS_write}));
  EXPECT_FALSE(Allows(code, {SYS_sendto}));
}

TEST(SeccompFilterTest, ArgumentsCountAsFarAsTheyAreKnown) {
  const Code code = {
      Load(LowHalfOf(1)),        IfEqual(7, 0, 3),
      Load(HighHalfOf(1)),       IfEqual(9, 0, 1),
      Return(SECCOMP_RET_ALLOW), Return(SECCOMP_RET_ERRNO | EPERM)};
  const uint64_t wanted = uint64_t{9} << 32 | 7;
  EXPECT_TRUE(Allows(code, {SYS_socket, 2, {0, wanted}}));
  EXPECT_FALSE(Allows(code, {SYS_socket, 2, {0, 7}}));
  EXPECT_FALSE(Allows(code, {SYS_socket, 1, {0, wanted}}));
  EXPECT_FALSE(Allows(code, {SYS_socket}));
}

TEST(SeccompFilterTest, WhoeverAllowsAllHasToLookAtNothing) {
  const Code code = {Load(offsetof(seccomp_data, instruction_pointer)),
                     Return(SECCOMP_RET_ALLOW)};
  EXPECT_FALSE(Allows(code, {SYS_socket}));
  EXPECT_TRUE(Allows({Return(SECCOMP_RET_ALLOW)}, {SYS_socket}));
}

TEST(SeccompFilterTest, TheMachineCalculates) {
  // ((number & 0xff) << 2 | 1) + 5 - 2, by way of both registers and scratch.
  const Code code = {Load(kNumber),
                     BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff),
                     BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 2),
                     BPF_STMT(BPF_ALU | BPF_OR | BPF_K, 1),
                     BPF_STMT(BPF_ST, 3),
                     BPF_STMT(BPF_LDX | BPF_MEM, 3),
                     BPF_STMT(BPF_LD | BPF_IMM, 5),
                     BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
                     BPF_STMT(BPF_LDX | BPF_IMM, 2),
                     BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0),
                     BPF_STMT(BPF_MISC | BPF_TAX, 0),
                     BPF_STMT(BPF_MISC | BPF_TXA, 0),
                     IfEqual((44 << 2 | 1) + 3, 0, 1),
                     Return(SECCOMP_RET_ALLOW),
                     Return(SECCOMP_RET_KILL_PROCESS)};
  EXPECT_TRUE(Allows(code, {44}));
  EXPECT_FALSE(Allows(code, {45}));
}

TEST(SeccompFilterTest, ComparisonsAreTheKernels) {
  const auto jump = [](uint16_t operation, uint32_t operand) {
    return Code{Load(kNumber),
                BPF_JUMP(static_cast<uint16_t>(BPF_JMP | operation | BPF_K),
                         operand, 0, 1),
                Return(SECCOMP_RET_ALLOW), Return(SECCOMP_RET_KILL_PROCESS)};
  };
  EXPECT_TRUE(Allows(jump(BPF_JGE, 5), {5}));
  EXPECT_FALSE(Allows(jump(BPF_JGE, 5), {4}));
  EXPECT_FALSE(Allows(jump(BPF_JGT, 5), {5}));
  EXPECT_TRUE(Allows(jump(BPF_JGT, 5), {6}));
  EXPECT_TRUE(Allows(jump(BPF_JSET, 4), {5}));
  EXPECT_FALSE(Allows(jump(BPF_JSET, 2), {5}));
}

TEST(SeccompFilterTest, LongProgramsAreReadToTheirEnd) {
  Code code = {Load(kNumber)};
  for (int i = 0; i < 1000; ++i) {
    code.push_back(IfEqual(static_cast<uint32_t>(5000 + i), 0, 1));
    code.push_back(Return(SECCOMP_RET_KILL_PROCESS));
  }
  code.push_back(Return(SECCOMP_RET_ALLOW));
  EXPECT_TRUE(Allows(code, {SYS_sendto}));
  EXPECT_FALSE(Allows(code, {5999}));
  Code far = {BPF_STMT(BPF_JMP | BPF_JA, 2000)};
  far.resize(2001, Return(SECCOMP_RET_KILL_PROCESS));
  far.push_back(Return(SECCOMP_RET_ALLOW));
  EXPECT_TRUE(Allows(far, {SYS_sendto}));
}

TEST(SeccompFilterTest, NonsenseAllowsNothing) {
  EXPECT_FALSE(Allows({}, {SYS_read}));
  EXPECT_FALSE(Allows({Load(kNumber)}, {SYS_read}));
  EXPECT_FALSE(Allows(
      {BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff), Return(SECCOMP_RET_ALLOW)},
      {SYS_read}));
  EXPECT_FALSE(Allows(
      {BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), Return(SECCOMP_RET_ALLOW)},
      {SYS_read}));
  EXPECT_FALSE(Allows(
      {BPF_STMT(BPF_ST, BPF_MEMWORDS), Return(SECCOMP_RET_ALLOW)}, {SYS_read}));
  EXPECT_FALSE(
      Allows({BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), Return(SECCOMP_RET_ALLOW)},
             {SYS_read}));
  const sock_fprog nowhere = {1, reinterpret_cast<sock_filter*>(16)};
  EXPECT_FALSE(FilterAllows(nowhere, {SYS_read}));
}

}  // namespace
}  // namespace wsp

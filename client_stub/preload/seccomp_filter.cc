#include "client_stub/preload/seccomp_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include <algorithm>

#include "client_stub/preload/user_memory.h"

namespace wsp {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "no AUDIT_ARCH_ is known for this architecture"
#endif

// Of the kernel's machine.
constexpr unsigned kScratchWords = BPF_MEMWORDS;
// Instructions that are read at a time; jumps go forward only.
constexpr unsigned kWindow = 64;

// The program in the caller's memory, from one instruction on.
class Instructions {
 public:
  explicit Instructions(const sock_fprog& filter) : filter_(filter) {}

  // False behind the end, and where there is no memory.
  bool Get(unsigned at, sock_filter* instruction) {
    if (at >= filter_.len) return false;
    if (at < begin_ || at >= end_) {
      const unsigned count = std::min<unsigned>(kWindow, filter_.len - at);
      if (!CopyIn(window_, filter_.filter + at, count * sizeof window_[0])) {
        return false;
      }
      begin_ = at;
      end_ = at + count;
    }
    *instruction = window_[at - begin_];
    return true;
  }

 private:
  const sock_fprog& filter_;
  unsigned begin_ = 0;
  unsigned end_ = 0;
  sock_filter window_[kWindow];
};

// The kernel's machine for one call.
class Machine {
 public:
  explicit Machine(const FilteredCall& call) : call_(call) {}

  enum class Step { kNext, kDone, kUnknown };
  Step Do(const sock_filter& instruction, unsigned* at);
  // SECCOMP_RET_..., after kDone.
  uint32_t result() const { return result_; }

 private:
  // A word of struct seccomp_data. False: nobody knows it before the call.
  bool Load(uint32_t offset, uint32_t* word) const;
  bool Calculate(uint16_t operation, uint32_t operand);
  Step Jump(const sock_filter& instruction, unsigned* at) const;
  Step Keep(uint32_t value, uint32_t* where) {
    *where = value;
    return Step::kNext;
  }

  const FilteredCall& call_;
  uint32_t a_ = 0;
  uint32_t x_ = 0;
  uint32_t scratch_[kScratchWords] = {};
  uint32_t result_ = 0;
};

bool Machine::Load(uint32_t offset, uint32_t* word) const {
  if (offset == offsetof(seccomp_data, nr)) {
    *word = static_cast<uint32_t>(call_.number);
    return true;
  }
  if (offset == offsetof(seccomp_data, arch)) {
    *word = kArchitecture;
    return true;
  }
  constexpr uint32_t kArguments = offsetof(seccomp_data, args);
  if (offset < kArguments || offset >= sizeof(seccomp_data) ||
      offset % sizeof(uint32_t) != 0) {
    return false;
  }
  const uint32_t index = (offset - kArguments) / 8;
  if ((call_.known >> index & 1) == 0) return false;
  // Little-endian.
  const bool is_high = (offset - kArguments) % 8 != 0;
  *word = static_cast<uint32_t>(call_.arguments[index] >> (is_high ? 32 : 0));
  return true;
}

bool Machine::Calculate(uint16_t operation, uint32_t operand) {
  switch (operation) {
    case BPF_ADD:
      a_ += operand;
      return true;
    case BPF_SUB:
      a_ -= operand;
      return true;
    case BPF_MUL:
      a_ *= operand;
      return true;
    case BPF_DIV:
      if (operand == 0) return false;
      a_ /= operand;
      return true;
    case BPF_AND:
      a_ &= operand;
      return true;
    case BPF_OR:
      a_ |= operand;
      return true;
    case BPF_XOR:
      a_ ^= operand;
      return true;
    case BPF_LSH:
      if (operand >= 32) return false;
      a_ <<= operand;
      return true;
    case BPF_RSH:
      if (operand >= 32) return false;
      a_ >>= operand;
      return true;
    case BPF_NEG:
      a_ = -a_;
      return true;
    default:
      return false;
  }
}

Machine::Step Machine::Jump(const sock_filter& instruction,
                            unsigned* at) const {
  const uint32_t operand =
      BPF_SRC(instruction.code) == BPF_X ? x_ : instruction.k;
  bool taken;
  switch (BPF_OP(instruction.code)) {
    case BPF_JA:
      if (instruction.k >= BPF_MAXINSNS) return Step::kUnknown;
      *at += instruction.k;
      return Step::kNext;
    case BPF_JEQ:
      taken = a_ == operand;
      break;
    case BPF_JGT:
      taken = a_ > operand;
      break;
    case BPF_JGE:
      taken = a_ >= operand;
      break;
    case BPF_JSET:
      taken = (a_ & operand) != 0;
      break;
    default:
      return Step::kUnknown;
  }
  *at += taken ? instruction.jt : instruction.jf;
  return Step::kNext;
}

Machine::Step Machine::Do(const sock_filter& instruction, unsigned* at) {
  const uint32_t k = instruction.k;
  switch (instruction.code) {
    case BPF_LD | BPF_W | BPF_ABS:
      return Load(k, &a_) ? Step::kNext : Step::kUnknown;
    case BPF_LD | BPF_W | BPF_LEN:
      return Keep(sizeof(seccomp_data), &a_);
    case BPF_LDX | BPF_W | BPF_LEN:
      return Keep(sizeof(seccomp_data), &x_);
    case BPF_LD | BPF_IMM:
      return Keep(k, &a_);
    case BPF_LDX | BPF_IMM:
      return Keep(k, &x_);
    case BPF_MISC | BPF_TAX:
      return Keep(a_, &x_);
    case BPF_MISC | BPF_TXA:
      return Keep(x_, &a_);
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
      if (k >= kScratchWords) return Step::kUnknown;
      if (instruction.code == BPF_ST) return Keep(a_, &scratch_[k]);
      if (instruction.code == BPF_STX) return Keep(x_, &scratch_[k]);
      return Keep(scratch_[k],
                  instruction.code == (BPF_LD | BPF_MEM) ? &a_ : &x_);
    case BPF_RET | BPF_K:
      result_ = k;
      return Step::kDone;
    case BPF_RET | BPF_A:
      result_ = a_;
      return Step::kDone;
    default:
      break;
  }
  switch (BPF_CLASS(instruction.code)) {
    case BPF_ALU:
      return Calculate(BPF_OP(instruction.code),
                       BPF_SRC(instruction.code) == BPF_X ? x_ : k)
                 ? Step::kNext
                 : Step::kUnknown;
    case BPF_JMP:
      return Jump(instruction, at);
    default:
      return Step::kUnknown;
  }
}

}  // namespace

bool FilterAllows(const sock_fprog& filter, const FilteredCall& call) {
  Instructions instructions(filter);
  Machine machine(call);
  sock_filter instruction;
  for (unsigned at = 0; instructions.Get(at, &instruction);) {
    ++at;
    switch (machine.Do(instruction, &at)) {
      case Machine::Step::kNext:
        break;
      case Machine::Step::kUnknown:
        return false;
      case Machine::Step::kDone: {
        const uint32_t action = machine.result() & SECCOMP_RET_ACTION_FULL;
        return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
      }
    }
  }
  return false;
}

}  // namespace wsp

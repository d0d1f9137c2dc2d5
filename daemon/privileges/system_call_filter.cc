#include "daemon/privileges/system_call_filter.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/base/config.h"
#include "absl/strings/str_cat.h"
#include "daemon/privileges/system_calls.h"

namespace wspd {
namespace {

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

absl::Status Failed(int negative_errno, const std::string& what) {
  return absl::ErrnoToStatus(-negative_errno, what);
}

absl::Status AddGroups(const Filter& filter, uint32_t action,
                       const std::vector<SystemCallGroup>& groups) {
  for (const SystemCallGroup& group : groups) {
    for (const char* name : group.names) {
      const int number = seccomp_syscall_resolve_name(name);
      // Negative: of another architecture, or newer than the library.
      if (number < 0) continue;
      if (int error = seccomp_rule_add_exact(filter.get(), action, number, 0);
          error != 0) {
        return Failed(error, absl::StrCat("seccomp_rule_add(", name, ")"));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status AddRule(const Filter& filter, uint32_t action, int number,
                     const scmp_arg_cmp& condition, const char* name) {
  const int error =
      seccomp_rule_add_exact(filter.get(), action, number, 1, condition);
  return error == 0
             ? absl::OkStatus()
             : Failed(error, absl::StrCat("seccomp_rule_add(", name, ")"));
}

absl::Status AddSocket(const Filter& filter) {
  // One rule for each family: a rule can't look at an argument twice.
  const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
  int next = 0;
  for (const int family : families) {
    for (; next < family; ++next) {
      auto status =
          AddRule(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket),
                  SCMP_A0_32(SCMP_CMP_EQ, uint32_t(next)), "socket");
      if (!status.ok()) return status;
    }
    auto status = AddRule(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket),
                          SCMP_A0_32(SCMP_CMP_EQ, uint32_t(family)), "socket");
    if (!status.ok()) return status;
    next = family + 1;
  }
  return AddRule(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket),
                 SCMP_A0_32(SCMP_CMP_GE, uint32_t(next)), "socket");
}

// clone3(2), whose arguments no filter sees, isn't in the tables: glibc then
// makes threads by this.
absl::Status AddClone(const Filter& filter) {
  if (auto status = AddRule(
          filter, SCMP_ACT_ALLOW, SCMP_SYS(clone),
          SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD), "clone");
      !status.ok()) {
    return status;
  }
  return AddRule(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone),
                 SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0), "clone");
}

// Marks a socket as its client's user's; groups stay what they are.
absl::Status AddChown(const Filter& filter) {
  return AddRule(filter, SCMP_ACT_ALLOW, SCMP_SYS(fchown),
                 SCMP_A2_32(SCMP_CMP_EQ, static_cast<gid_t>(-1)), "fchown");
}

}  // namespace

bool SystemCallFilterFits() {
#if defined(ABSL_HAVE_ADDRESS_SANITIZER) || defined(ABSL_HAVE_THREAD_SANITIZER)
  return false;
#else
  return true;
#endif
}

absl::Status FilterSystemCalls() {
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), &seccomp_release);
  if (filter == nullptr) return absl::InternalError("seccomp_init() failed");
  // Threads that libraries have started by now are under it, too.
  if (int error = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
      error != 0) {
    return Failed(error, "seccomp_attr_set(TSYNC)");
  }
  // Better, but not needed: the log; no slow branches, which are for processes
  // that run code of others; a tree instead of a list, for kernels before 5.11.
  (void)seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_LOG, 1);
  (void)seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_SSB, 1);
  (void)seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  absl::Status status = AddGroups(filter, SCMP_ACT_ALLOW, AllowedSystemCalls());
  if (status.ok()) {
    status = AddGroups(filter, SCMP_ACT_KILL_PROCESS, DeadlySystemCalls());
  }
  if (status.ok()) status = AddSocket(filter);
  if (status.ok()) status = AddClone(filter);
  if (status.ok()) status = AddChown(filter);
  if (!status.ok()) return status;
  if (int error = seccomp_load(filter.get()); error != 0) {
    return Failed(error, "seccomp_load()");
  }
  return absl::OkStatus();
}

}  // namespace wspd

#include "daemon/privileges/capabilities.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace wspd {
namespace {

constexpr uint64_t Bit(int capability) { return uint64_t{1} << capability; }

// Of those that the daemon has a use for, and of giving up the others.
constexpr std::pair<int, const char*> kNames[] = {
    {CAP_CHOWN, "cap_chown"},
    {CAP_NET_BIND_SERVICE, "cap_net_bind_service"},
    {CAP_NET_RAW, "cap_net_raw"},
    {CAP_NET_ADMIN, "cap_net_admin"},
    {CAP_SYS_PTRACE, "cap_sys_ptrace"},
};

// The kernel's own calls: glibc has none, and a library for two is too much.
struct Sets {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
};

absl::Status Read(Sets* sets) {
  if (syscall(SYS_capget, &sets->header, sets->data) == 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, "capget()");
}

uint64_t Join(uint32_t low, uint32_t high) {
  return uint64_t{high} << 32 | low;
}

}  // namespace

absl::StatusOr<CapabilitySet> PermittedCapabilities() {
  Sets sets;
  if (auto status = Read(&sets); !status.ok()) return status;
  return Join(sets.data[0].permitted, sets.data[1].permitted);
}

absl::Status LimitBoundingSet(CapabilitySet kept) {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0;
       ++capability) {
    if ((kept & Bit(capability)) != 0) continue;
    if (prctl(PR_CAPBSET_DROP, capability) != 0 && errno != EPERM) {
      return absl::ErrnoToStatus(errno, "prctl(PR_CAPBSET_DROP)");
    }
  }
  return absl::OkStatus();
}

absl::Status KeepCapabilities(CapabilitySet kept) {
  Sets sets;
  if (auto status = Read(&sets); !status.ok()) return status;
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return absl::ErrnoToStatus(errno, "prctl(PR_CAP_AMBIENT_CLEAR_ALL)");
  }
  Sets wanted;
  bool changed = false;
  for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i) {
    const auto half = static_cast<uint32_t>(kept >> (32 * i));
    wanted.data[i].permitted = sets.data[i].permitted & half;
    wanted.data[i].effective = wanted.data[i].permitted;
    changed |= wanted.data[i].permitted != sets.data[i].permitted ||
               wanted.data[i].effective != sets.data[i].effective ||
               sets.data[i].inheritable != 0;
  }
  // A service manager that has left nothing to give up may forbid the call.
  if (!changed) return absl::OkStatus();
  if (syscall(SYS_capset, &wanted.header, wanted.data) != 0) {
    return absl::ErrnoToStatus(errno, "capset()");
  }
  return absl::OkStatus();
}

std::string CapabilityNames(CapabilitySet set) {
  std::vector<std::string> names;
  for (const auto& [capability, name] : kNames) {
    if ((set & Bit(capability)) != 0) names.push_back(name);
    set &= ~Bit(capability);
  }
  if (set != 0) names.push_back(absl::StrCat("others:", absl::Hex(set)));
  return names.empty() ? "none" : absl::StrJoin(names, ",");
}

}  // namespace wspd

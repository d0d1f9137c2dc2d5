#include "daemon/privileges/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "daemon/base/log.h"
#include "daemon/config/group.h"
#include "daemon/privileges/account.h"
#include "daemon/privileges/capabilities.h"
#include "daemon/privileges/system_call_filter.h"

namespace wspd {
namespace {

constexpr mode_t kFolderMode = 0755;

CapabilitySet KeptBy(const Config::Privileges& privileges) {
  CapabilitySet kept = CapabilitySet{1} << CAP_NET_BIND_SERVICE;
  if (privileges.chown()) kept |= CapabilitySet{1} << CAP_CHOWN;
  if (privileges.net_raw()) kept |= CapabilitySet{1} << CAP_NET_RAW;
  if (privileges.net_admin()) kept |= CapabilitySet{1} << CAP_NET_ADMIN;
  if (privileges.sys_ptrace()) kept |= CapabilitySet{1} << CAP_SYS_PTRACE;
  return kept;
}

// Only a folder that this makes becomes the user's: whose others are, is their
// owners' affair.
absl::Status MakeFolderFor(const Account& account, const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/'));
  if (folder.empty()) return absl::OkStatus();
  if (mkdir(folder.c_str(), kFolderMode) != 0) {
    const int error = errno;
    if (error == EEXIST) return absl::OkStatus();
    return absl::ErrnoToStatus(error, absl::StrCat("mkdir(", folder, ")"));
  }
  if (chmod(folder.c_str(), kFolderMode) != 0 ||
      lchown(folder.c_str(), account.uid, account.gid) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("chown(", folder, ")"));
  }
  return absl::OkStatus();
}

absl::Status Become(const Account& account, CapabilitySet kept) {
  // While this is root's still.
  if (auto status = LimitBoundingSet(kept); !status.ok()) return status;
  // Over the change of the uid, which would take all of them.
  if (prctl(PR_SET_KEEPCAPS, 1) != 0) {
    return absl::ErrnoToStatus(errno, "prctl(PR_SET_KEEPCAPS)");
  }
  if (setgroups(account.groups.size(), account.groups.data()) != 0) {
    return absl::ErrnoToStatus(errno, "setgroups()");
  }
  if (setresgid(account.gid, account.gid, account.gid) != 0) {
    return absl::ErrnoToStatus(errno, "setresgid()");
  }
  if (setresuid(account.uid, account.uid, account.uid) != 0) {
    return absl::ErrnoToStatus(errno, "setresuid()");
  }
  if (auto status = KeepCapabilities(kept); !status.ok()) return status;
  // The change made /proc/self root's, where pidfds are asked for their pids.
  if (prctl(PR_SET_DUMPABLE, 1) != 0) {
    return absl::ErrnoToStatus(errno, "prctl(PR_SET_DUMPABLE)");
  }
  return absl::OkStatus();
}

absl::Status BecomeUser(const Config& config, CapabilitySet kept) {
  auto account = FindAccount(config.privileges().user());
  if (!account.ok()) return account.status();
  if (account->uid == geteuid()) return KeepCapabilities(kept);
  if (geteuid() != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "privileges.user is \"", config.privileges().user(),
        "\", but only root can become another user, and this is uid ",
        geteuid()));
  }
  // Whose the provider socket will be: nobody gives a file to a group that he
  // isn't in.
  if (!config.group().empty()) {
    auto group = ResolveGroup(config.group());
    if (!group.ok()) return group.status();
    account->groups.push_back(*group);
  }
  for (const std::string& path :
       {config.provider_socket(), config.admin_socket()}) {
    if (auto status = MakeFolderFor(*account, path); !status.ok()) {
      return status;
    }
  }
  return Become(*account, kept);
}

// What was asked for and isn't there is worth a warning: something that is
// configured won't work.
void Report(CapabilitySet kept, CapabilitySet permitted, bool filtered) {
  const CapabilitySet missing =
      kept & ~permitted & ~(CapabilitySet{1} << CAP_NET_BIND_SERVICE);
  if (missing != 0) {
    Log(LogLevel::kWarning, "capabilities not to be had",
        {{"names", CapabilityNames(missing)}});
  }
  Log(LogLevel::kInfo, "privileges dropped",
      {{"uid", geteuid()},
       {"gid", getegid()},
       {"capabilities", CapabilityNames(permitted)},
       {"system_call_filter", filtered ? "on" : "off"}});
}

}  // namespace

absl::Status DropPrivileges(const Config& config) {
  const Config::Privileges& privileges = config.privileges();
  const CapabilitySet kept = KeptBy(privileges);
  const bool stays_root = geteuid() == 0 && privileges.user().empty();
  absl::Status status;
  if (stays_root) {
    Log(LogLevel::kWarning, "runs as root",
        {{"cause", "privileges.user isn't set"}});
  } else if (privileges.user().empty()) {
    status = KeepCapabilities(kept);
  } else {
    status = BecomeUser(config, kept);
  }
  if (!status.ok()) return status;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return absl::ErrnoToStatus(errno, "prctl(PR_SET_NO_NEW_PRIVS)");
  }
  auto permitted = PermittedCapabilities();
  if (!permitted.ok()) return permitted.status();
  const bool filtered =
      privileges.system_call_filter() && SystemCallFilterFits();
  if (filtered) status = FilterSystemCalls();
  if (!status.ok()) return status;
  Report(kept, *permitted, filtered);
  return absl::OkStatus();
}

}  // namespace wspd

// The calls after which the process is somebody else, or somewhere else, to the
// daemon.
#include <grp.h>
#include <unistd.h>

#include "client_stub/preload/credentials.h"
#include "client_stub/preload/daemon_folder.h"
#include "client_stub/preload/exported.h"
#include "client_stub/preload/real_functions.h"
#include "client_stub/preload/shield.h"

namespace wsp {
namespace {

template <typename Function, typename... Arguments>
int ChangeCredentials(Function real, Arguments... arguments) {
  const int result = real(arguments...);
  if (result == 0) CountCredentialsChange();
  return result;
}

// False in a vfork child, whose root is its own.
bool KeepTheWayToTheDaemon() {
  Shield shield;
  if (shield.process() == ProcessKind::kVforked) return false;
  KeepDaemonFolder();
  return true;
}

}  // namespace
}  // namespace wsp

WSP_INTERPOSED int setuid(uid_t user) noexcept {
  return wsp::ChangeCredentials(wsp::Real().setuid, user);
}

WSP_INTERPOSED int seteuid(uid_t effective) noexcept {
  return wsp::ChangeCredentials(wsp::Real().seteuid, effective);
}

WSP_INTERPOSED int setreuid(uid_t real, uid_t effective) noexcept {
  return wsp::ChangeCredentials(wsp::Real().setreuid, real, effective);
}

WSP_INTERPOSED int setresuid(uid_t real, uid_t effective,
                             uid_t saved) noexcept {
  return wsp::ChangeCredentials(wsp::Real().setresuid, real, effective, saved);
}

WSP_INTERPOSED int setgid(gid_t group) noexcept {
  return wsp::ChangeCredentials(wsp::Real().setgid, group);
}

WSP_INTERPOSED int setegid(gid_t effective) noexcept {
  return wsp::ChangeCredentials(wsp::Real().setegid, effective);
}

WSP_INTERPOSED int setregid(gid_t real, gid_t effective) noexcept {
  return wsp::ChangeCredentials(wsp::Real().setregid, real, effective);
}

WSP_INTERPOSED int setresgid(gid_t real, gid_t effective,
                             gid_t saved) noexcept {
  return wsp::ChangeCredentials(wsp::Real().setresgid, real, effective, saved);
}

WSP_INTERPOSED int setgroups(size_t count, const gid_t* groups) noexcept {
  return wsp::ChangeCredentials(wsp::Real().setgroups, count, groups);
}

WSP_INTERPOSED int initgroups(const char* user, gid_t group) {
  return wsp::ChangeCredentials(wsp::Real().initgroups, user, group);
}

WSP_INTERPOSED int chroot(const char* path) noexcept {
  const bool kept = wsp::KeepTheWayToTheDaemon();
  const int result = wsp::Real().chroot(path);
  if (result == 0 && kept) wsp::LeaveDaemonsRoot();
  return result;
}

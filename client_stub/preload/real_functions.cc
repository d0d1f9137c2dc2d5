#include "client_stub/preload/real_functions.h"

#include <dlfcn.h>

#include <atomic>

namespace wsp {
namespace {

RealFunctions g_functions;
std::atomic<bool> g_found{false};

template <typename Function>
void Find(Function* function, void* where, const char* name) {
  *function = reinterpret_cast<Function>(dlsym(where, name));
}

// Whoever calls at the same time finds the same.
void FindAll() {
  RealFunctions* const f = &g_functions;
  Find(&f->socket, RTLD_NEXT, "socket");
  Find(&f->sendmsg, RTLD_NEXT, "sendmsg");
  Find(&f->recvmsg, RTLD_NEXT, "recvmsg");
  Find(&f->close, RTLD_NEXT, "close");
  Find(&f->close_range, RTLD_NEXT, "close_range");
  Find(&f->closefrom, RTLD_NEXT, "closefrom");
  Find(&f->dup2, RTLD_NEXT, "dup2");
  Find(&f->dup3, RTLD_NEXT, "dup3");
  Find(&f->fcntl, RTLD_NEXT, "fcntl");
  Find(&f->fcntl64, RTLD_NEXT, "fcntl64");
  Find(&f->chroot, RTLD_NEXT, "chroot");
  Find(&f->setuid, RTLD_NEXT, "setuid");
  Find(&f->seteuid, RTLD_NEXT, "seteuid");
  Find(&f->setreuid, RTLD_NEXT, "setreuid");
  Find(&f->setresuid, RTLD_NEXT, "setresuid");
  Find(&f->setgid, RTLD_NEXT, "setgid");
  Find(&f->setegid, RTLD_NEXT, "setegid");
  Find(&f->setregid, RTLD_NEXT, "setregid");
  Find(&f->setresgid, RTLD_NEXT, "setresgid");
  Find(&f->setgroups, RTLD_NEXT, "setgroups");
  Find(&f->initgroups, RTLD_NEXT, "initgroups");
  Find(&f->getaddrinfo, RTLD_NEXT, "getaddrinfo");
  Find(&f->getnameinfo, RTLD_NEXT, "getnameinfo");
  Find(&f->gethostbyname, RTLD_NEXT, "gethostbyname");
  Find(&f->gethostbyname2, RTLD_NEXT, "gethostbyname2");
  Find(&f->gethostbyname_r, RTLD_NEXT, "gethostbyname_r");
  Find(&f->gethostbyname2_r, RTLD_NEXT, "gethostbyname2_r");
  Find(&f->gethostbyaddr, RTLD_NEXT, "gethostbyaddr");
  Find(&f->gethostbyaddr_r, RTLD_NEXT, "gethostbyaddr_r");
  Find(&f->malloc, RTLD_DEFAULT, "malloc");
  Find(&f->free, RTLD_DEFAULT, "free");
}

}  // namespace

const RealFunctions& Real() {
  if (!g_found.load(std::memory_order_acquire)) {
    FindAll();
    g_found.store(true, std::memory_order_release);
  }
  return g_functions;
}

}  // namespace wsp

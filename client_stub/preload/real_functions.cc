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
  Find(&f->bind, RTLD_NEXT, "bind");
  Find(&f->connect, RTLD_NEXT, "connect");
  Find(&f->listen, RTLD_NEXT, "listen");
  Find(&f->accept, RTLD_NEXT, "accept");
  Find(&f->accept4, RTLD_NEXT, "accept4");
  Find(&f->getsockname, RTLD_NEXT, "getsockname");
  Find(&f->getpeername, RTLD_NEXT, "getpeername");
  Find(&f->getsockopt, RTLD_NEXT, "getsockopt");
  Find(&f->setsockopt, RTLD_NEXT, "setsockopt");
  Find(&f->shutdown, RTLD_NEXT, "shutdown");
  Find(&f->send, RTLD_NEXT, "send");
  Find(&f->recv, RTLD_NEXT, "recv");
  Find(&f->sendto, RTLD_NEXT, "sendto");
  Find(&f->recvfrom, RTLD_NEXT, "recvfrom");
  Find(&f->sendmsg, RTLD_NEXT, "sendmsg");
  Find(&f->recvmsg, RTLD_NEXT, "recvmsg");
  Find(&f->sendmmsg, RTLD_NEXT, "sendmmsg");
  Find(&f->recvmmsg, RTLD_NEXT, "recvmmsg");
  Find(&f->read, RTLD_NEXT, "read");
  Find(&f->write, RTLD_NEXT, "write");
  Find(&f->readv, RTLD_NEXT, "readv");
  Find(&f->writev, RTLD_NEXT, "writev");
  Find(&f->preadv2, RTLD_NEXT, "preadv2");
  Find(&f->pwritev2, RTLD_NEXT, "pwritev2");
  Find(&f->preadv64v2, RTLD_NEXT, "preadv64v2");
  Find(&f->pwritev64v2, RTLD_NEXT, "pwritev64v2");
  Find(&f->sendfile, RTLD_NEXT, "sendfile");
  Find(&f->sendfile64, RTLD_NEXT, "sendfile64");
  Find(&f->splice, RTLD_NEXT, "splice");
  Find(&f->ioctl, RTLD_NEXT, "ioctl");
  Find(&f->dup, RTLD_NEXT, "dup");
  Find(&f->read_chk, RTLD_NEXT, "__read_chk");
  Find(&f->recv_chk, RTLD_NEXT, "__recv_chk");
  Find(&f->recvfrom_chk, RTLD_NEXT, "__recvfrom_chk");
  Find(&f->close, RTLD_NEXT, "close");
  Find(&f->close_range, RTLD_NEXT, "close_range");
  Find(&f->closefrom, RTLD_NEXT, "closefrom");
  Find(&f->dup2, RTLD_NEXT, "dup2");
  Find(&f->dup3, RTLD_NEXT, "dup3");
  Find(&f->fcntl, RTLD_NEXT, "fcntl");
  Find(&f->fcntl64, RTLD_NEXT, "fcntl64");
  Find(&f->chroot, RTLD_NEXT, "chroot");
  Find(&f->prctl, RTLD_NEXT, "prctl");
  Find(&f->syscall, RTLD_NEXT, "syscall");
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
  Find(&f->execve, RTLD_NEXT, "execve");
  Find(&f->execv, RTLD_NEXT, "execv");
  Find(&f->execvp, RTLD_NEXT, "execvp");
  Find(&f->execvpe, RTLD_NEXT, "execvpe");
  Find(&f->fexecve, RTLD_NEXT, "fexecve");
  Find(&f->execveat, RTLD_NEXT, "execveat");
  Find(&f->daemon, RTLD_NEXT, "daemon");
  Find(&f->_exit, RTLD_NEXT, "_exit");
  Find(&f->quick_exit, RTLD_NEXT, "quick_exit");
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

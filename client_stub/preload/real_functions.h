#ifndef WSPD_CLIENT_STUB_PRELOAD_REAL_FUNCTIONS_H_
#define WSPD_CLIENT_STUB_PRELOAD_REAL_FUNCTIONS_H_

#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace wsp {

// The functions that the library stands in front of, as the program would have
// them without it: the C library's, or those of whatever else is preloaded.
struct RealFunctions {
  decltype(&::socket) socket;
  decltype(&::bind) bind;
  decltype(&::connect) connect;
  decltype(&::listen) listen;
  decltype(&::accept) accept;
  decltype(&::accept4) accept4;
  decltype(&::getsockname) getsockname;
  decltype(&::getpeername) getpeername;
  decltype(&::getsockopt) getsockopt;
  decltype(&::setsockopt) setsockopt;
  decltype(&::shutdown) shutdown;
  decltype(&::send) send;
  decltype(&::recv) recv;
  decltype(&::sendto) sendto;
  decltype(&::recvfrom) recvfrom;
  decltype(&::sendmsg) sendmsg;
  decltype(&::recvmsg) recvmsg;
  decltype(&::sendmmsg) sendmmsg;
  decltype(&::recvmmsg) recvmmsg;
  decltype(&::read) read;
  decltype(&::write) write;
  decltype(&::readv) readv;
  decltype(&::writev) writev;
  decltype(&::preadv2) preadv2;
  decltype(&::pwritev2) pwritev2;
  decltype(&::preadv64v2) preadv64v2;
  decltype(&::pwritev64v2) pwritev64v2;
  decltype(&::sendfile) sendfile;
  decltype(&::sendfile64) sendfile64;
  decltype(&::splice) splice;
  decltype(&::ioctl) ioctl;
  decltype(&::dup) dup;
  ssize_t (*read_chk)(int fd, void* buffer, size_t size, size_t room);
  ssize_t (*recv_chk)(int fd, void* buffer, size_t size, size_t room,
                      int flags);
  ssize_t (*recvfrom_chk)(int fd, void* buffer, size_t size, size_t room,
                          int flags, sockaddr* from, socklen_t* from_size);
  decltype(&::close) close;
  decltype(&::close_range) close_range;
  decltype(&::closefrom) closefrom;
  decltype(&::dup2) dup2;
  decltype(&::dup3) dup3;
  decltype(&::fcntl) fcntl;
  decltype(&::fcntl64) fcntl64;
  decltype(&::chroot) chroot;
  decltype(&::prctl) prctl;
  decltype(&::syscall) syscall;
  decltype(&::setuid) setuid;
  decltype(&::seteuid) seteuid;
  decltype(&::setreuid) setreuid;
  decltype(&::setresuid) setresuid;
  decltype(&::setgid) setgid;
  decltype(&::setegid) setegid;
  decltype(&::setregid) setregid;
  decltype(&::setresgid) setresgid;
  decltype(&::setgroups) setgroups;
  decltype(&::initgroups) initgroups;
  decltype(&::execve) execve;
  decltype(&::execv) execv;
  decltype(&::execvp) execvp;
  decltype(&::execvpe) execvpe;
  decltype(&::fexecve) fexecve;
  decltype(&::execveat) execveat;
  decltype(&::daemon) daemon;
  decltype(&::_exit) _exit;
  decltype(&::quick_exit) quick_exit;
  decltype(&::getaddrinfo) getaddrinfo;
  decltype(&::getnameinfo) getnameinfo;
  decltype(&::gethostbyname) gethostbyname;
  decltype(&::gethostbyname2) gethostbyname2;
  decltype(&::gethostbyname_r) gethostbyname_r;
  decltype(&::gethostbyname2_r) gethostbyname2_r;
  decltype(&::gethostbyaddr) gethostbyaddr;
  decltype(&::gethostbyaddr_r) gethostbyaddr_r;
  // Not the library's: the program's own, which freeaddrinfo() frees with.
  decltype(&::malloc) malloc;
  decltype(&::free) free;
};

// Found when the library is loaded; or at the first call, if another library's
// constructor makes one before that. After that it only reads.
const RealFunctions& Real();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_REAL_FUNCTIONS_H_

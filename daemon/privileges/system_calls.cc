#include "daemon/privileges/system_calls.h"

namespace wspd {

// What glibc and gRPC fall back on is listed beside what they prefer.
// socket(2), clone(2) and fchown(2) depend on their arguments:
// system_call_filter.cc.
const std::vector<SystemCallGroup>& AllowedSystemCalls() {
  static const auto* const groups = new std::vector<SystemCallGroup>{
      {"memory of the heap, of stacks and of shared libraries",
       {"brk", "mmap", "munmap", "mremap", "madvise", "mprotect"}},
      {"threads, their locks and their ends",
       {"futex", "set_robust_list", "rseq", "exit", "exit_group", "gettid",
        "sched_yield", "sched_getaffinity", "sched_getparam",
        "sched_getscheduler", "prctl", "arch_prctl", "restart_syscall",
        "membarrier", "set_tid_address", "getcpu"}},
      {"signals: waiting for the stop, SIGPIPE, abort()",
       {"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait",
        "sigaltstack", "tgkill", "rt_sigpending"}},
      {"clocks and timers",
       {"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep",
        "gettimeofday", "time"}},
      {"waiting for descriptors",
       {"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
        "epoll_pwait2", "poll", "ppoll", "select", "pselect6", "eventfd2",
        "eventfd", "pipe", "pipe2", "timerfd_create", "timerfd_settime",
        "timerfd_gettime"}},
      {"sockets: the clients' and the daemon's own",
       {"socketpair", "bind", "listen", "accept", "accept4", "connect",
        "getsockname", "getpeername", "setsockopt", "getsockopt", "shutdown",
        "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg",
        "ioctl"}},
      {"descriptors and bytes",
       {"read",      "readv",   "pread64",  "preadv",      "write",   "writev",
        "pwrite64",  "pwritev", "close",    "close_range", "dup",     "dup2",
        "dup3",      "fcntl",   "lseek",    "fstat",       "fstatfs", "flock",
        "ftruncate", "fchmod",  "sendfile", "splice"}},
      {"files: /proc of clients, the configuration, hosts and resolv.conf, "
       "time zones, the name service's libraries",
       {"open", "openat", "stat", "lstat", "newfstatat", "statx", "statfs",
        "access", "faccessat", "faccessat2", "readlink", "readlinkat",
        "getdents64", "getcwd"}},
      {"the sockets' files: making, marking whose they are, removing",
       {"mkdir", "mkdirat", "chmod", "fchmodat", "lchown", "fchownat", "unlink",
        "unlinkat", "umask"}},
      {"who peers are, and when they end",
       {"pidfd_open", "getpid", "getppid", "getpgrp", "getuid", "geteuid",
        "getgid", "getegid", "getresuid", "getresgid", "getgroups", "capget"}},
      {"the system: limits of descriptors, host name, memory, randomness",
       {"prlimit64", "getrlimit", "setrlimit", "getrusage", "uname", "sysinfo",
        "getrandom"}},
  };
  return *groups;
}

const std::vector<SystemCallGroup>& DeadlySystemCalls() {
  static const auto* const groups = new std::vector<SystemCallGroup>{
      {"running programs, and processes to run them",
       {"execve", "execveat", "fork", "vfork"}},
      {"reaching into other processes",
       {"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd"}},
      {"becoming somebody else, or getting capabilities back",
       {"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid",
        "setfsuid", "setfsgid", "setgroups", "capset"}},
      {"another view of files, network or processes",
       {"unshare", "setns", "chroot", "pivot_root", "mount", "umount2",
        "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick",
        "mount_setattr", "open_by_handle_at"}},
      {"the kernel's insides, and the machine as a whole",
       {"bpf", "perf_event_open", "userfaultfd", "init_module", "finit_module",
        "delete_module", "kexec_load", "kexec_file_load", "iopl", "ioperm",
        "reboot", "settimeofday", "clock_settime", "sethostname",
        "setdomainname"}},
  };
  return *groups;
}

}  // namespace wspd

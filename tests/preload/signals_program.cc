// signals_program MODE PORT...: a program that does in signal handlers, in
// cancelled threads and in vfork children what it may; for signals_test.py. It
// knows nothing of the library that is preloaded.
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace {

int g_port;

[[noreturn]] void Die(const char* what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  _exit(1);
}

void Require(bool condition, const char* what) {
  if (!condition) Die(what);
}

sockaddr_in Server() {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(g_port));
  return address;
}

// A socket, a datagram there and back, and the end; async-signal-safe.
bool Exchange() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const sockaddr_in server = Server();
  const timeval patience = {30, 0};
  char answer = 0;
  const bool done =
      setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) ==
          0 &&
      connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) ==
          0 &&
      send(fd, "x", 1, 0) == 1 && recv(fd, &answer, 1, 0) == 1 && answer == 'x';
  return close(fd) == 0 && done;
}

// A forked child's part: it makes sockets of its own.
bool ExchangeInChild() {
  // fork() itself would wait for the malloc that was interrupted.
  const pid_t child = _Fork();
  if (child < 0) return false;
  if (child == 0) _exit(Exchange() ? 0 : 1);
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return status == 0;
}

std::atomic<int> g_handled{0};
sem_t g_handler_ran;
std::atomic<bool> g_failed{false};

void ExchangeInHandler(int) {
  const int caller_errno = errno;
  const int number = g_handled.load() + 1;
  if (!Exchange()) g_failed.store(true);
  if (number % 50 == 0 && !ExchangeInChild()) g_failed.store(true);
  errno = caller_errno;
  g_handled.store(number);
  sem_post(&g_handler_ran);
}

void Handle(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

// Handlers come in the midst of malloc and free, and of the library.
int Handlers(int times) {
  Require(sem_init(&g_handler_ran, 0, 0) == 0, "sem_init()");
  Handle(SIGUSR1, ExchangeInHandler);
  const pthread_t main_thread = pthread_self();
  std::atomic<bool> done{false};
  std::thread sender([&] {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    for (int i = 0; i < times && !g_failed.load(); ++i) {
      pthread_kill(main_thread, SIGUSR1);
      while (sem_wait(&g_handler_ran) != 0) continue;
    }
    done.store(true);
  });
  std::vector<void*> pieces(64);
  unsigned seed = 1;
  int sockets = 0;
  while (!done.load()) {
    for (int i = 0; i < 200; ++i) {
      void*& piece = pieces[rand_r(&seed) % pieces.size()];
      free(piece);
      piece = malloc(rand_r(&seed) % 5000);
    }
    // Outside handlers, too.
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    Require(fd >= 0, "socket()");
    close(fd);
    ++sockets;
  }
  sender.join();
  for (void* piece : pieces) free(piece);
  Require(!g_failed.load(), "in a handler");
  Require(g_handled.load() == times, "too few handlers ran");
  printf("%d sockets besides\n", sockets);
  return 0;
}

void* MakeSockets(void* asynchronous) {
  if (asynchronous != nullptr) {
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, nullptr);
  }
  for (;;) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    // Without the number the descriptor would be lost, natively too.
    if (fd >= 0) close(fd);
    pthread_testcancel();
  }
}

// Threads are cancelled in the midst of socket(), and hold nothing.
int Cancelled(int times) {
  static char asynchronous;
  for (int i = 0; i < times; ++i) {
    pthread_t threads[3];
    for (int j = 0; j < 3; ++j) {
      Require(pthread_create(&threads[j], nullptr, MakeSockets,
                             j == 0 ? &asynchronous : nullptr) == 0,
              "pthread_create()");
    }
    Require(Exchange(), "beside threads that will be cancelled");
    for (const pthread_t thread : threads) pthread_cancel(thread);
    for (const pthread_t thread : threads) pthread_join(thread, nullptr);
    Require(Exchange(), "after a cancellation");
  }
  return 0;
}

int g_connecting;

void* Connect(void*) {
  const sockaddr_in server = Server();
  Require(connect(g_connecting, reinterpret_cast<const sockaddr*>(&server),
                  sizeof server) == 0,
          "connect()");
  return nullptr;
}

void AwaitAttempt() {
  tcp_info info = {};
  while (info.tcpi_state != TCP_SYN_SENT) {
    socklen_t size = sizeof info;
    Require(getsockopt(g_connecting, IPPROTO_TCP, TCP_INFO, &info, &size) == 0,
            "TCP_INFO");
  }
}

// A thread is cancelled in connect(), whose attempt goes on; another one waits
// for its end.
int CancelledConnect() {
  g_connecting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  pthread_t thread;
  Require(pthread_create(&thread, nullptr, Connect, nullptr) == 0,
          "pthread_create()");
  AwaitAttempt();
  pthread_cancel(thread);
  void* result = nullptr;
  Require(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED,
          "the connect() isn't cancelled");
  puts("cancelled");
  fflush(stdout);
  const sockaddr_in server = Server();
  Require(connect(g_connecting, reinterpret_cast<const sockaddr*>(&server),
                  sizeof server) == 0,
          "connect()");
  Require(send(g_connecting, "after", 5, 0) == 5, "send()");
  return close(g_connecting);
}

sigjmp_buf g_out;

void Leave(int) { siglongjmp(g_out, 1); }

// connect(), which waits, in a thread whose handler leaves it for good; the
// thread lives on.
sem_t g_left;
sem_t g_end;

void* LeaveConnect(void*) {
  const sockaddr_in server = Server();
  if (sigsetjmp(g_out, 1) == 0) {
    connect(g_connecting, reinterpret_cast<const sockaddr*>(&server),
            sizeof server);
    Die("the connect() isn't left");
  }
  sem_post(&g_left);
  while (sem_wait(&g_end) != 0) continue;
  return nullptr;
}

void* Send(void*) {
  pollfd wait = {g_connecting, POLLOUT, 0};
  Require(poll(&wait, 1, 60000) == 1, "poll()");
  Require(send(g_connecting, "after", 5, 0) == 5, "send()");
  return nullptr;
}

// Another thread is the next to use the socket.
int LeftConnect() {
  Handle(SIGUSR1, Leave);
  sem_init(&g_left, 0, 0);
  sem_init(&g_end, 0, 0);
  g_connecting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  pthread_t leaver, sender;
  Require(pthread_create(&leaver, nullptr, LeaveConnect, nullptr) == 0,
          "pthread_create()");
  AwaitAttempt();
  pthread_kill(leaver, SIGUSR1);
  while (sem_wait(&g_left) != 0) continue;
  Require(pthread_create(&sender, nullptr, Send, nullptr) == 0,
          "pthread_create()");
  puts("left");
  fflush(stdout);
  pthread_join(sender, nullptr);
  sem_post(&g_end);
  pthread_join(leaver, nullptr);
  return close(g_connecting);
}

// One thread waits in connect(), in a handler when that ends; another one for
// the socket to be writable.
void Dally(int) {
  pollfd wait = {g_connecting, POLLOUT, 0};
  poll(&wait, 1, 60000);
  while (sem_wait(&g_end) != 0) continue;
}

int WaitingConnect() {
  Handle(SIGUSR1, Dally);
  sem_init(&g_end, 0, 0);
  g_connecting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  pthread_t connecter, sender;
  Require(pthread_create(&connecter, nullptr, Connect, nullptr) == 0,
          "pthread_create()");
  AwaitAttempt();
  pthread_kill(connecter, SIGUSR1);
  Require(pthread_create(&sender, nullptr, Send, nullptr) == 0,
          "pthread_create()");
  puts("waiting");
  fflush(stdout);
  pthread_join(sender, nullptr);
  sem_post(&g_end);
  pthread_join(connecter, nullptr);
  Require(send(g_connecting, "wards", 5, 0) == 5, "send()");
  return close(g_connecting);
}

// A handler leaves lookups that wait; more of them than may be under way.
int Left(const char* silent_name, const char* name) {
  Handle(SIGALRM, Leave);
  for (int i = 0; i < 30; ++i) {
    const itimerval soon = {{0, 0}, {0, 30000}};
    if (sigsetjmp(g_out, 1) == 0) {
      setitimer(ITIMER_REAL, &soon, nullptr);
      addrinfo* found = nullptr;
      const int error = getaddrinfo(silent_name, "80", nullptr, &found);
      fprintf(stderr, "getaddrinfo() returned: %s\n", gai_strerror(error));
      return 1;
    }
  }
  addrinfo* found = nullptr;
  const int error = getaddrinfo(name, "80", nullptr, &found);
  if (error != 0) {
    fprintf(stderr, "getaddrinfo(): %s\n", gai_strerror(error));
    return 1;
  }
  freeaddrinfo(found);
  Require(Exchange(), "after lookups");
  return 0;
}

// A handler forks while a lookup waits; the child returns into it.
volatile pid_t g_child = -1;

void ForkInHandler(int) { g_child = _Fork(); }

int Forked(const char* silent_name, const char* name) {
  Handle(SIGALRM, ForkInHandler);
  const itimerval soon = {{0, 0}, {0, 100000}};
  setitimer(ITIMER_REAL, &soon, nullptr);
  addrinfo* found = nullptr;
  const int silent = getaddrinfo(silent_name, "80", nullptr, &found);
  Require(silent != 0, "there is no such name");
  Require(g_child >= 0, "the handler");
  const int error = getaddrinfo(name, "80", nullptr, &found);
  if (error != 0) {
    fprintf(stderr, "getaddrinfo(): %s\n", gai_strerror(error));
    _exit(1);
  }
  freeaddrinfo(found);
  Require(Exchange(), "after lookups");
  if (g_child == 0) _exit(0);
  int status = -1;
  Require(waitpid(g_child, &status, 0) == g_child, "waitpid()");
  return status == 0 ? 0 : 1;
}

// What a vfork child does with the library is its own affair. It has its
// parent's memory: its findings are there afterwards.
int Vforked() {
  Require(Exchange(), "before");
  static volatile int made, made_errno, closed;
  const pid_t child = vfork();  // NOLINT: what is tested
  if (child == 0) {
    made = socket(AF_INET, SOCK_STREAM, 0);  // NOLINT: what is tested
    made_errno = errno;
    // As a program does that wants nothing to be inherited.
    closed = close_range(3, ~0U, 0);
    [[maybe_unused]] const int user = setuid(getuid());
    [[maybe_unused]] const int root = chroot("/");
    dup2(2, 3000);
    execl("/bin/true", "true", static_cast<char*>(nullptr));
    _exit(1);
  }
  int status = -1;
  Require(waitpid(child, &status, 0) == child && status == 0, "waitpid()");
  Require(made == -1 && made_errno == ENETDOWN, "socket() in a vfork child");
  Require(closed == 0, "close_range() in a vfork child");
  Require(Exchange(), "after");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 2 ? argv[1] : "";
  if (argc > 2) g_port = atoi(argv[2]);
  if (mode == "handlers") return Handlers(atoi(argv[3]));
  if (mode == "cancelled") return Cancelled(atoi(argv[3]));
  if (mode == "cancelled_connect") return CancelledConnect();
  if (mode == "left_connect") return LeftConnect();
  if (mode == "waiting_connect") return WaitingConnect();
  if (mode == "left") return Left(argv[3], argv[4]);
  if (mode == "forked") return Forked(argv[3], argv[4]);
  if (mode == "vforked") return Vforked();
  fprintf(stderr, "which mode?\n");
  return 64;
}

// The calls after which this process is another program, or none. Its
// connections to the daemon end with it, and of what came on them last the
// daemon reads nothing then: what nobody has waited for is waited for before.
// But for the descriptor connection, on which the daemon is told that this end
// is no death.
#include <stdarg.h>
#include <unistd.h>

#include <cstdlib>

#include "client_stub/preload/exported.h"
#include "client_stub/preload/real_functions.h"
#include "client_stub/preload/session_state.h"

namespace wsp {
namespace {

// execl() and its relatives: calls `execute(char** arguments, va_list rest)`
// with the arguments as execv() takes them, and what stands behind their null.
// They are on the stack, however many: a vfork child may call these.
template <typename Execute>
int ExecuteListed(const char* first, va_list list, Execute execute) {
  size_t count = 0;
  va_list counted;
  va_copy(counted, list);
  for (const char* next = first; next != nullptr;
       next = va_arg(counted, const char*)) {
    ++count;
  }
  va_end(counted);
  auto** const arguments =
      static_cast<char**>(__builtin_alloca((count + 1) * sizeof(char*)));
  arguments[0] = const_cast<char*>(first);
  for (size_t i = 1; i <= count; ++i) arguments[i] = va_arg(list, char*);
  return execute(arguments, list);
}

void Leave() {
  SettleSocketSession();
  SayFarewell();
}

// Leaves, unless what was to end the process, or this program, has failed.
class Departure {
 public:
  Departure() { Leave(); }
  ~Departure() { TakeFarewellBack(); }

  Departure(const Departure&) = delete;
  Departure& operator=(const Departure&) = delete;
};

__attribute__((destructor)) void OnExit() { Leave(); }

}  // namespace
}  // namespace wsp

WSP_INTERPOSED int execve(const char* path, char* const* arguments,
                          char* const* environment) noexcept {
  const wsp::Departure departure;
  return wsp::Real().execve(path, arguments, environment);
}

WSP_INTERPOSED int execv(const char* path, char* const* arguments) noexcept {
  const wsp::Departure departure;
  return wsp::Real().execv(path, arguments);
}

WSP_INTERPOSED int execvp(const char* file, char* const* arguments) noexcept {
  const wsp::Departure departure;
  return wsp::Real().execvp(file, arguments);
}

WSP_INTERPOSED int execvpe(const char* file, char* const* arguments,
                           char* const* environment) noexcept {
  const wsp::Departure departure;
  return wsp::Real().execvpe(file, arguments, environment);
}

WSP_INTERPOSED int fexecve(int fd, char* const* arguments,
                           char* const* environment) noexcept {
  const wsp::Departure departure;
  return wsp::Real().fexecve(fd, arguments, environment);
}

WSP_INTERPOSED int execveat(int folder, const char* path,
                            char* const* arguments, char* const* environment,
                            int flags) noexcept {
  const wsp::Departure departure;
  return wsp::Real().execveat(folder, path, arguments, environment, flags);
}

WSP_INTERPOSED int execl(const char* path, const char* first, ...) noexcept {
  va_list list;
  va_start(list, first);
  const int result = wsp::ExecuteListed(
      first, list, [path](char** all, va_list) { return execv(path, all); });
  va_end(list);
  return result;
}

WSP_INTERPOSED int execlp(const char* file, const char* first, ...) noexcept {
  va_list list;
  va_start(list, first);
  const int result = wsp::ExecuteListed(
      first, list, [file](char** all, va_list) { return execvp(file, all); });
  va_end(list);
  return result;
}

WSP_INTERPOSED int execle(const char* path, const char* first, ...) noexcept {
  va_list list;
  va_start(list, first);
  const int result =
      wsp::ExecuteListed(first, list, [path](char** all, va_list rest) {
        return execve(path, all, va_arg(rest, char* const*));
      });
  va_end(list);
  return result;
}

// The parent ends in it, past _exit().
WSP_INTERPOSED int daemon(int keep_folder, int keep_files) noexcept {
  const wsp::Departure departure;
  return wsp::Real().daemon(keep_folder, keep_files);
}

WSP_INTERPOSED void _exit(int status) {
  wsp::Leave();
  wsp::Real()._exit(status);
  __builtin_unreachable();
}

WSP_INTERPOSED void _Exit(int status) noexcept {
  wsp::Leave();
  wsp::Real()._exit(status);
  __builtin_unreachable();
}

// It ends past _exit(), too.
WSP_INTERPOSED void quick_exit(int status) noexcept {
  wsp::Leave();
  wsp::Real().quick_exit(status);
  __builtin_unreachable();
}

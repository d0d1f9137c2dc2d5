// The calls after which this process is another program, or none. Its
// connections to the daemon end with it, and of what came on them last the
// daemon reads nothing then: what nobody has waited for is waited for before.
#include <stdarg.h>
#include <unistd.h>

#include <cstdlib>

#include "client_stub/preload/exported.h"
#include "client_stub/preload/real_functions.h"
#include "client_stub/preload/session_state.h"

namespace wsp {
namespace {

// What execl() and its relatives are given, as execv() takes it.

// How many there are, with the first, before the null.
size_t CountArguments(const char* first, va_list list) {
  size_t count = 0;
  for (const char* next = first; next != nullptr;
       next = va_arg(list, const char*)) {
    ++count;
  }
  return count;
}

// Those, and the null.
void TakeArguments(const char* first, va_list list, size_t count,
                   char** arguments) {
  arguments[0] = const_cast<char*>(first);
  for (size_t i = 1; i <= count; ++i) arguments[i] = va_arg(list, char*);
}

__attribute__((destructor)) void OnExit() { SettleSocketSession(); }

}  // namespace
}  // namespace wsp

WSP_INTERPOSED int execve(const char* path, char* const* arguments,
                          char* const* environment) noexcept {
  wsp::SettleSocketSession();
  return wsp::Real().execve(path, arguments, environment);
}

WSP_INTERPOSED int execv(const char* path, char* const* arguments) noexcept {
  wsp::SettleSocketSession();
  return wsp::Real().execv(path, arguments);
}

WSP_INTERPOSED int execvp(const char* file, char* const* arguments) noexcept {
  wsp::SettleSocketSession();
  return wsp::Real().execvp(file, arguments);
}

WSP_INTERPOSED int execvpe(const char* file, char* const* arguments,
                           char* const* environment) noexcept {
  wsp::SettleSocketSession();
  return wsp::Real().execvpe(file, arguments, environment);
}

WSP_INTERPOSED int fexecve(int fd, char* const* arguments,
                           char* const* environment) noexcept {
  wsp::SettleSocketSession();
  return wsp::Real().fexecve(fd, arguments, environment);
}

WSP_INTERPOSED int execveat(int folder, const char* path,
                            char* const* arguments, char* const* environment,
                            int flags) noexcept {
  wsp::SettleSocketSession();
  return wsp::Real().execveat(folder, path, arguments, environment, flags);
}

// As many as there are, on the stack: a vfork child may call these.

WSP_INTERPOSED int execl(const char* path, const char* first, ...) noexcept {
  va_list list;
  va_start(list, first);
  const size_t count = wsp::CountArguments(first, list);
  va_end(list);
  auto** const arguments =
      static_cast<char**>(__builtin_alloca((count + 1) * sizeof(char*)));
  va_start(list, first);
  wsp::TakeArguments(first, list, count, arguments);
  va_end(list);
  return execv(path, arguments);
}

WSP_INTERPOSED int execlp(const char* file, const char* first, ...) noexcept {
  va_list list;
  va_start(list, first);
  const size_t count = wsp::CountArguments(first, list);
  va_end(list);
  auto** const arguments =
      static_cast<char**>(__builtin_alloca((count + 1) * sizeof(char*)));
  va_start(list, first);
  wsp::TakeArguments(first, list, count, arguments);
  va_end(list);
  return execvp(file, arguments);
}

WSP_INTERPOSED int execle(const char* path, const char* first, ...) noexcept {
  va_list list;
  va_start(list, first);
  const size_t count = wsp::CountArguments(first, list);
  va_end(list);
  auto** const arguments =
      static_cast<char**>(__builtin_alloca((count + 1) * sizeof(char*)));
  va_start(list, first);
  wsp::TakeArguments(first, list, count, arguments);
  va_end(list);
  // Behind the null.
  va_start(list, first);
  for (size_t i = 0; i < count; ++i) (void)va_arg(list, char*);
  char* const* const environment = va_arg(list, char* const*);
  va_end(list);
  return execve(path, arguments, environment);
}

WSP_INTERPOSED void _exit(int status) {
  wsp::SettleSocketSession();
  wsp::Real()._exit(status);
  __builtin_unreachable();
}

WSP_INTERPOSED void _Exit(int status) noexcept {
  wsp::SettleSocketSession();
  wsp::Real()._exit(status);
  __builtin_unreachable();
}

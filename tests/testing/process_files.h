#ifndef WSPD_TESTS_TESTING_PROCESS_FILES_H_
#define WSPD_TESTS_TESTING_PROCESS_FILES_H_

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <set>
#include <string>

namespace wspd::testing {

// What /proc says of a process; pid 0 is the calling one.

// The files, libraries among them, that are mapped.
std::set<std::string> MappedFiles(pid_t pid = 0);

// The address space that is mapped for neither a file nor the heap of malloc's
// main arena, touched or not, in bytes. Stacks and the arenas of other threads
// are part of it, which the C library keeps when such a thread has ended.
size_t AnonymousMappings(pid_t pid = 0);

// The threads, but for those that run nothing of the process's any more: one
// that has been joined may still be listed for a moment.
std::set<pid_t> ThreadIds(pid_t pid = 0);

// The open descriptors and what each is: "socket:[123]", a path. The one that
// reads the folder is left out.
std::map<int, std::string> OpenDescriptors(pid_t pid = 0);

// The resident memory that is not backed by files, in bytes.
size_t AnonymousMemory(pid_t pid = 0);

// The bytes that malloc has given out in this process.
size_t AllocatedMemory();

// Whether these sizes tell of leaks: a sanitizer keeps what is freed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMemoryTells = false;
#elif defined(__has_feature)
constexpr bool kMemoryTells =
    !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
constexpr bool kMemoryTells = true;
#endif

// A number that stays the same while the thread of this process sleeps in the
// kernel and changes whenever it has run; 0 if it isn't sleeping.
long SleepCount(pid_t thread_id);

// Whether no thread of the process has run for 50 ms.
bool IsQuiet(pid_t pid);

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_PROCESS_FILES_H_

#ifndef WSPD_CLIENT_STUB_PRELOAD_WSPRUN_PROGRAM_H_
#define WSPD_CLIENT_STUB_PRELOAD_WSPRUN_PROGRAM_H_

#include <string>

namespace wsp {

// The file that execvp() would run for `name`: itself if it has a slash, else
// what is in the folders of `search_path` ($PATH). 0; EACCES if there is only
// what can't be executed, ENOENT if there is nothing.
int FindProgram(const std::string& name, const char* search_path,
                std::string* file);

// Whether a library that is preloaded would come into the program `file`, which
// may be a script: its interpreter is looked at then. Why it would not, for
// people, if not; empty if it would, or if the file can't be read: execve()
// tells better what is wrong with it.
std::string WhyNotPreloadable(const std::string& file);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_WSPRUN_PROGRAM_H_

#ifndef WSPD_CLIENT_STUB_PRELOAD_WSPRUN_PRELOADING_H_
#define WSPD_CLIENT_STUB_PRELOAD_WSPRUN_PRELOADING_H_

#include <string>

namespace wsp {

// Where libwsp_preload.so is for a wsprun in `folder`: beside it, or in the
// folders for libraries that belong to it. Empty if it is nowhere.
std::string FindPreloadLibrary(const std::string& folder);

// LD_PRELOAD with `library` before what is there (null: nothing), once.
std::string PreloadBefore(const std::string& library, const char* present);

// Whether somebody listens at the Unix socket `path`: 0, or connect()'s errno.
int TryDaemon(const std::string& path);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_WSPRUN_PRELOADING_H_

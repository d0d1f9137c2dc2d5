#include <dlfcn.h>
#include <limits.h>
#include <unistd.h>

#include "client_stub/spi_client/dynamic_library.h"

namespace wspd::spi_client {

bool DynamicLibrary::Open(const std::string& path, std::string* error) {
  Close();
  handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle_ != nullptr) return true;
  const char* const reason = dlerror();
  *error = reason == nullptr ? "dlopen " + path : reason;
  return false;
}

bool DynamicLibrary::Close() {
  if (handle_ == nullptr) return true;
  const bool closed = dlclose(handle_) == 0;
  handle_ = nullptr;
  return closed;
}

void* DynamicLibrary::Find(const char* symbol) const {
  return handle_ == nullptr ? nullptr : dlsym(handle_, symbol);
}

std::string ProgramFolder() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  if (length <= 0) return "";
  const std::string program(path, length);
  return program.substr(0, program.rfind('/'));
}

bool FileExists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

}  // namespace wspd::spi_client

#include <winsock2.h>

#include "client_stub/spi_client/dynamic_library.h"

namespace wspd::spi_client {

bool DynamicLibrary::Open(const std::string& path, std::string* error) {
  Close();
  handle_ = LoadLibraryA(path.c_str());
  if (handle_ != nullptr) return true;
  *error = path + ": LoadLibrary error " + std::to_string(GetLastError());
  return false;
}

bool DynamicLibrary::Close() {
  if (handle_ == nullptr) return true;
  const bool closed = FreeLibrary(static_cast<HMODULE>(handle_)) != 0;
  handle_ = nullptr;
  return closed;
}

void* DynamicLibrary::Find(const char* symbol) const {
  if (handle_ == nullptr) return nullptr;
  return reinterpret_cast<void*>(
      GetProcAddress(static_cast<HMODULE>(handle_), symbol));
}

std::string ProgramFolder() {
  char path[MAX_PATH];
  const DWORD length = GetModuleFileNameA(nullptr, path, sizeof(path));
  if (length == 0 || length == sizeof(path)) return "";
  const std::string program(path, length);
  return program.substr(0, program.rfind('\\'));
}

bool FileExists(const std::string& path) {
  return GetFileAttributesA(path.c_str()) != INVALID_FILE_ATTRIBUTES;
}

}  // namespace wspd::spi_client

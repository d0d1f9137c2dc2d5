#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_DYNAMIC_LIBRARY_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_DYNAMIC_LIBRARY_H_

#include <string>

namespace wspd::spi_client {

// A library loaded at run time: dlopen with RTLD_NOW and RTLD_LOCAL, on
// Windows LoadLibrary. One thread at a time.
class DynamicLibrary {
 public:
  DynamicLibrary() = default;
  ~DynamicLibrary() { Close(); }
  DynamicLibrary(const DynamicLibrary&) = delete;
  DynamicLibrary& operator=(const DynamicLibrary&) = delete;

  // A path with a separator names the file, one without is looked for where
  // the system's loader looks. False, and why in `error`, on failure.
  bool Open(const std::string& path, std::string* error);
  // False if the system refused. Nothing is left open either way.
  bool Close();
  bool is_open() const { return handle_ != nullptr; }

  // Null if there is no such symbol.
  void* Find(const char* symbol) const;

 private:
  void* handle_ = nullptr;
};

// The folder of the running program, without a separator at its end; empty if
// unknown.
std::string ProgramFolder();

bool FileExists(const std::string& path);

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_DYNAMIC_LIBRARY_H_

#include "client_stub/spi/loader.h"

#include <dlfcn.h>

#include <cstdint>

namespace wsp {

void* FindExport(const char* name) { return dlsym(RTLD_DEFAULT, name); }

void* PinLibrary() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&PinLibrary), &info) == 0 ||
      info.dli_fname == nullptr) {
    return nullptr;
  }
  return dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
}

void UnpinLibrary(void* pin) { dlclose(pin); }

LPWSAUSERAPC UnpinFunction() {
  return reinterpret_cast<LPWSAUSERAPC>(reinterpret_cast<uintptr_t>(&dlclose));
}

}  // namespace wsp

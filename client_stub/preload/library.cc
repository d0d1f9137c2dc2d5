// What runs when libwsp_preload.so is loaded.
#include "client_stub/preload/process.h"

namespace {

__attribute__((constructor)) void OnLoaded() { wsp::EnsureLoaded(); }

}  // namespace

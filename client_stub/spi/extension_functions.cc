#include "client_stub/spi/extension_functions.h"

#include <mswsock.h>

#include <cstring>

#include "client_stub/spi/accept_ex_buffer.h"

namespace wsp {
namespace {

// One row for each function: its id, and where it is.
struct Row {
  GUID id;
  ExtensionFunction function;
};

const Row kRows[] = {
    {WSAID_GETACCEPTEXSOCKADDRS,
     reinterpret_cast<ExtensionFunction>(&SpiGetAcceptExSockaddrs)},
};

}  // namespace

ExtensionFunction FindExtensionFunction(const GUID& id) {
  for (const Row& row : kRows) {
    if (std::memcmp(&row.id, &id, sizeof id) == 0) return row.function;
  }
  return nullptr;
}

}  // namespace wsp

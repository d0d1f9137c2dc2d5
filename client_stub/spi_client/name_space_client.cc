#include "client_stub/spi_client/name_space_client.h"

#include <cstddef>
#include <cstring>

namespace wspd::spi_client {
namespace {

// NSPIoctl came later; a provider may be without it.
bool HasAllFunctions(const NSP_ROUTINE& table) {
  constexpr size_t kFirst = offsetof(NSP_ROUTINE, NSPCleanup);
  constexpr size_t kEnd = offsetof(NSP_ROUTINE, NSPIoctl);
  void* functions[(kEnd - kFirst) / sizeof(void*)];
  std::memcpy(functions, reinterpret_cast<const char*>(&table) + kFirst,
              sizeof(functions));
  for (const void* function : functions) {
    if (function == nullptr) return false;
  }
  return true;
}

}  // namespace

const GUID kTcpIpNameSpace = {0x22059d40,
                              0x7e9e,
                              0x11cf,
                              {0xae, 0x5a, 0x00, 0xaa, 0x00, 0xa7, 0x11, 0x2b}};

std::unique_ptr<NameSpaceClient> NameSpaceClient::Load(const std::string& path,
                                                       std::string* error) {
  std::unique_ptr<NameSpaceClient> client(new NameSpaceClient);
  if (!client->library_.Open(path, error)) return nullptr;
  client->startup_ =
      reinterpret_cast<LPNSPSTARTUP>(client->library_.Find("NSPStartup"));
  if (client->startup_ == nullptr) {
    *error = path + ": no NSPStartup: not a name-space provider";
    return nullptr;
  }
  return client;
}

int NameSpaceClient::Startup(const GUID& provider) {
  // A provider may write to its argument: give it a copy.
  GUID id = provider;
  NSP_ROUTINE table = {};
  table.cbSize = sizeof(table);
  WSASetLastError(0);
  if (startup_(&id, &table) != 0) return WSAGetLastError();
  if (!HasAllFunctions(table)) {
    if (table.NSPCleanup != nullptr) table.NSPCleanup(&id);
    return WSAEINVALIDPROCTABLE;
  }
  MutexLock lock(&mutex_);
  if (!have_table_) table_ = table;
  have_table_ = true;
  return 0;
}

bool NameSpaceClient::Unload() {
  startup_ = nullptr;
  return library_.Close();
}

}  // namespace wspd::spi_client

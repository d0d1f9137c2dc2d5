#include "client_stub/spi_client/spi_client.h"

#include <cstring>

#include "client_stub/spi_client/catalog.h"
#include "client_stub/spi_client/upcalls.h"

namespace wspd::spi_client {
namespace {

#if defined(_WIN32)
constexpr char kProviderFile[] = "wsp.dll";
constexpr char kSeparator[] = "\\";
#else
constexpr char kProviderFile[] = "libwsp.so";
constexpr char kSeparator[] = "/";
#endif

bool HasAllFunctions(const WSPPROC_TABLE& table) {
  void* functions[sizeof(table) / sizeof(void*)];
  std::memcpy(functions, &table, sizeof(table));
  for (const void* function : functions) {
    if (function == nullptr) return false;
  }
  return true;
}

}  // namespace

std::unique_ptr<SpiClient> SpiClient::Load(const std::string& path,
                                           std::string* error) {
  std::unique_ptr<SpiClient> client(new SpiClient(path));
  if (!client->library_.Open(path, error)) return nullptr;
  client->startup_ =
      reinterpret_cast<LPWSPSTARTUP>(client->library_.Find("WSPStartup"));
  if (client->startup_ == nullptr) {
    *error = path + ": no WSPStartup: not a service provider";
    return nullptr;
  }
  for (const WSAPROTOCOL_INFOW& entry : CatalogEntries()) {
    SetProviderPath(entry.ProviderId, path);
  }
  return client;
}

int SpiClient::Startup(WORD version, WSPDATA* data,
                       const WSAPROTOCOL_INFOW* entry) {
  WSPDATA own_data = {};
  if (data == nullptr) data = &own_data;
  // A provider may write to its argument: give it a copy.
  WSAPROTOCOL_INFOW info =
      entry != nullptr ? *entry : *FindCatalogEntry(AF_INET, SOCK_STREAM);
  WSPPROC_TABLE table = {};
  const int result = startup_(version, data, &info, Upcalls(), &table);
  if (result != 0 || KeepTable(table)) return result;
  int error;
  if (table.lpWSPCleanup != nullptr) table.lpWSPCleanup(&error);
  return WSAEINVALIDPROCTABLE;
}

bool SpiClient::KeepTable(const WSPPROC_TABLE& table) {
  if (!HasAllFunctions(table)) return false;
  MutexLock lock(&mutex_);
  if (!have_table_) table_ = table;
  have_table_ = true;
  return true;
}

bool SpiClient::Unload() {
  startup_ = nullptr;
  return library_.Close();
}

std::string DefaultProviderPath() {
  const std::string beside = ProgramFolder() + kSeparator + kProviderFile;
  return FileExists(beside) ? beside : kProviderFile;
}

}  // namespace wspd::spi_client

#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_NAME_SPACE_CLIENT_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_NAME_SPACE_CLIENT_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <memory>
#include <string>

#include "client_stub/spi_client/dynamic_library.h"
#include "client_stub/spi_client/mutex.h"

namespace wspd::spi_client {

// Windows' own provider of the TCP/IP name space, whose part the project's
// provider takes.
extern const GUID kTcpIpNameSpace;

// What SpiClient is for transport providers, for name-space providers: loads
// one by path and gives access to its functions. Their errors are this
// program's WSAGetLastError, which a provider sets by the WSASetLastError
// beside it.
//
// It counts nothing: every Startup is one NSPStartup of the provider, and every
// cleanup is the caller's, by table().NSPCleanup. All functions but Unload and
// the destructor may be called from several threads at once.
class NameSpaceClient {
 public:
  // Loads the provider, without calling into it. Null, and the reason in
  // `error`, if that fails or it doesn't export NSPStartup.
  static std::unique_ptr<NameSpaceClient> Load(const std::string& path,
                                               std::string* error);

  // Unloads; see there.
  ~NameSpaceClient() { Unload(); }

  // Calls the provider's NSPStartup for `provider`. Returns 0, its error, or
  // WSAEINVALIDPROCTABLE after giving the startup back if it left a function
  // out.
  int Startup(const GUID& provider = kTcpIpNameSpace);

  // The provider's functions as its first successful startup gave them. Only
  // to be used after a startup by the same thread, or one that it waited for.
  const NSP_ROUTINE& table() const { return table_; }

  // NSPStartup itself, for calls with arguments that Startup wouldn't pass.
  LPNSPSTARTUP startup_function() const { return startup_; }

  // Unloads the provider without calling it. Returns false if the system
  // couldn't. Nothing of the provider may be in use, nor be used afterwards.
  bool Unload();

 private:
  NameSpaceClient() = default;

  DynamicLibrary library_;
  LPNSPSTARTUP startup_ = nullptr;
  Mutex mutex_;
  bool have_table_ WSPD_GUARDED_BY(mutex_) = false;
  NSP_ROUTINE table_ = {};  // written once, under mutex_
};

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_NAME_SPACE_CLIENT_H_

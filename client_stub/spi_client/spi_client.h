#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_SPI_CLIENT_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_SPI_CLIENT_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <memory>
#include <string>

#include "client_stub/spi_client/dynamic_library.h"
#include "client_stub/spi_client/mutex.h"

namespace wspd::spi_client {

// The part that ws2_32.dll (CE: ws2.dll) plays: loads a transport provider by
// path, exchanges the function tables with it, and gives access to its 30
// functions.
//
// It counts nothing: every Startup is one WSPStartup of the provider, and
// every cleanup is the caller's, by table().lpWSPCleanup. All functions but
// Unload and the destructor may be called from several threads at once. A
// forked child may go on using it if no other thread was inside this library
// at the fork, or only waited in it.
class SpiClient {
 public:
  // Loads the provider, without calling into it. Null, and the reason in
  // `error`, if that fails or it doesn't export WSPStartup.
  static std::unique_ptr<SpiClient> Load(const std::string& path,
                                         std::string* error);

  // Unloads; see there.
  ~SpiClient() { Unload(); }

  // Calls the provider's WSPStartup for `entry`, by default TCP over IPv4, with
  // our upcalls. Returns its error code, or WSAEINVALIDPROCTABLE after giving
  // the startup back if the provider left a function out. `data` may be null:
  // the provider then gets a WSPDATA of ours.
  int Startup(WORD version = MAKEWORD(2, 2), WSPDATA* data = nullptr,
              const WSAPROTOCOL_INFOW* entry = nullptr);

  // The provider's functions as its first successful startup gave them. Only
  // to be used after a startup by the same thread, or one that it waited for.
  const WSPPROC_TABLE& table() const { return table_; }

  // WSPStartup itself, for calls with arguments that Startup wouldn't pass.
  LPWSPSTARTUP startup_function() const { return startup_; }

  const std::string& path() const { return path_; }

  // Unloads the provider without calling it. Returns false if the system
  // couldn't. Nothing of the provider may be in use, nor be used afterwards.
  bool Unload();

 private:
  explicit SpiClient(const std::string& path) : path_(path) {}

  bool KeepTable(const WSPPROC_TABLE& table);

  const std::string path_;
  DynamicLibrary library_;
  LPWSPSTARTUP startup_ = nullptr;
  Mutex mutex_;
  bool have_table_ WSPD_GUARDED_BY(mutex_) = false;
  WSPPROC_TABLE table_ = {};  // written once, under mutex_
};

// The project's own provider: the one beside the running program, if there is
// one, else its bare name for the system's loader to find.
std::string DefaultProviderPath();

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_SPI_CLIENT_H_

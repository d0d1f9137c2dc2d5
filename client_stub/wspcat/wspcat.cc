// A sample SPI client in the spirit of netcat: see kUsage. The same source
// builds for Windows.
#include <winsock2.h>
#include <ws2spi.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/spi_client.h"
#include "client_stub/spi_client/wsa_error_name.h"
#include "client_stub/wspcat/command_line.h"
#include "client_stub/wspcat/pipe.h"
#include "client_stub/wspcat/standard_io.h"
#include "client_stub/wspcat/tcp_socket.h"

namespace wspd::wspcat {
namespace {

using spi_client::SpiClient;
using spi_client::WsaErrorName;

constexpr int kFailure = 1;
constexpr int kUsageError = 2;

int Report(const std::string& error, int status = kFailure) {
  std::fprintf(stderr, "wspcat: %s\n", error.c_str());
  return status;
}

// Connects, or listens and accepts.
bool Establish(const WSPPROC_TABLE& table, const CommandLine& command,
               TcpSocket* connection, std::string* error) {
  if (!command.listen) {
    return connection->Connect(command.address, command.port, error);
  }
  TcpSocket listener(table);
  uint16_t port;
  if (!listener.Listen(command.address, command.port, &port, error)) {
    return false;
  }
  std::fprintf(stderr, "listening on %s\n",
               FormatEndpoint(command.address, port).c_str());
  return listener.Accept(connection, error);
}

bool Pipe(const CommandLine& command,
          const std::shared_ptr<TcpSocket>& connection, std::string* error) {
  if (command.send_only)
    return PipeInput(connection.get(), command.keep_open, error);
  if (command.receive_only) return PipeOutput(connection.get(), error);
  return PipeBoth(connection, command.keep_open, error);
}

bool RunPipe(const WSPPROC_TABLE& table, const CommandLine& command,
             std::string* error) {
  const auto connection = std::make_shared<TcpSocket>(table);
  return Establish(table, command, connection.get(), error) &&
         Pipe(command, connection, error) && connection->Close(error);
}

// Returns only on failure.
bool Hold(const WSPPROC_TABLE& table, const CommandLine& command,
          std::string* error) {
  std::vector<std::unique_ptr<TcpSocket>> connections;
  for (int i = 0; i < command.hold; ++i) {
    connections.push_back(std::make_unique<TcpSocket>(table));
    if (!connections.back()->Connect(command.address, command.port, error)) {
      *error += ", after " + std::to_string(i) + " connections";
      return false;
    }
  }
  std::printf("holding %d\n", command.hold);
  std::fflush(stdout);
  while (true) spi_client::SleepAlertable(WSA_INFINITE);
}

int Run(const CommandLine& command) {
  std::string error;
  const std::unique_ptr<SpiClient> client = SpiClient::Load(
      command.provider.empty() ? spi_client::DefaultProviderPath()
                               : command.provider,
      &error);
  if (client == nullptr) return Report(error);
  const int startup = client->Startup();
  if (startup != 0) return Report("WSPStartup: " + WsaErrorName(startup));
  const WSPPROC_TABLE& table = client->table();
  const bool done = command.hold > 0 ? Hold(table, command, &error)
                                     : RunPipe(table, command, &error);
  if (!done) Report(error);
  int code = 0;
  const bool clean = table.lpWSPCleanup(&code) == 0;
  if (!clean) Report("WSPCleanup: " + WsaErrorName(code));
  // A thread may still read the input, and would call into what is unloaded.
  if (!done) std::_Exit(kFailure);
  return clean ? 0 : kFailure;
}

int Main(const std::vector<std::string>& arguments) {
  PrepareStandardIo();
  CommandLine command;
  std::string error;
  if (!ParseCommandLine(arguments, &command, &error)) {
    return Report(error + "; wspcat --help tells more", kUsageError);
  }
  if (command.help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  return Run(command);
}

}  // namespace
}  // namespace wspd::wspcat

int main(int argc, char** argv) {
  return wspd::wspcat::Main({argv + 1, argv + argc});
}

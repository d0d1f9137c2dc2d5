#include "client_stub/wspcat/pipe.h"

#include <future>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "client_stub/wspcat/standard_io.h"

namespace wspd::wspcat {
namespace {

constexpr size_t kBufferSize = size_t{64} << 10;

// What the input's thread leaves behind: empty if all went well.
std::string RunInput(const std::shared_ptr<TcpSocket>& connection,
                     bool keep_open) {
  std::string error;
  return PipeInput(connection.get(), keep_open, &error) ? "" : error;
}

}  // namespace

bool PipeInput(TcpSocket* connection, bool keep_open, std::string* error) {
  std::vector<char> buffer(kBufferSize);
  while (true) {
    const long count = ReadInput(buffer.data(), buffer.size());
    if (count < 0) {
      *error = "reading standard input failed";
      return false;
    }
    if (count == 0) return keep_open || connection->ShutDownSending(error);
    if (!connection->Send(buffer.data(), count, error)) return false;
  }
}

bool PipeOutput(TcpSocket* connection, std::string* error) {
  std::vector<char> buffer(kBufferSize);
  while (true) {
    size_t count;
    if (!connection->Receive(buffer.data(), buffer.size(), &count, error)) {
      return false;
    }
    if (count == 0) return true;
    if (!WriteOutput(buffer.data(), count)) {
      *error = "writing standard output failed";
      return false;
    }
  }
}

bool PipeBoth(const std::shared_ptr<TcpSocket>& connection, bool keep_open,
              std::string* error) {
  // The thread can't be interrupted while it reads the input, so it is not
  // waited for when the receiving half has failed.
  std::packaged_task<std::string(std::shared_ptr<TcpSocket>, bool)> task(
      RunInput);
  std::future<std::string> input = task.get_future();
  std::thread(std::move(task), connection, keep_open).detach();
  if (!PipeOutput(connection.get(), error)) return false;
  *error = input.get();
  return error->empty();
}

}  // namespace wspd::wspcat

#include "tests/bench/spi_library.h"

#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/wsa_error_name.h"
#include "tests/bench/die.h"

namespace wspd::bench {

void DieOf(const char* call, int code) {
  Die(std::string(call) + ": " + spi_client::WsaErrorName(code));
}

void Check(int result, const char* call, int code) {
  if (result != 0) DieOf(call, code);
}

void CheckPosted(int result, const char* call, int code) {
  if (result != 0 && code != WSA_IO_PENDING) DieOf(call, code);
}

sockaddr_in LoopbackAddress(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

Operation::Operation() : state_(std::make_unique<State>()) {
  int code = 0;
  state_->overlapped.hEvent = spi_client::OpenEventObject(&code);
  if (state_->overlapped.hEvent == WSA_INVALID_EVENT) {
    DieOf("OpenEventObject", code);
  }
}

Operation::~Operation() {
  int code = 0;
  spi_client::CloseEventObject(state_->overlapped.hEvent, &code);
}

bool Operation::completed() const {
  return __atomic_load_n(&state_->overlapped.Internal, __ATOMIC_ACQUIRE) !=
         WSS_OPERATION_IN_PROGRESS;
}

Operation::State* PrepareOperation(Operation* operation, char* data,
                                   size_t size, bool is_send) {
  Operation::State* const state = operation->state();
  int code = 0;
  spi_client::ResetEventObject(state->overlapped.hEvent, &code);
  state->buffer.buf = data;
  state->buffer.len = static_cast<u_long>(size);
  state->is_send = is_send;
  return state;
}

void AwaitOperation(const SpiTransport::Library& library, SOCKET s,
                    Operation* operation) {
  Operation::State* const state = operation->state();
  spi_client::WaitForEvents(&state->overlapped.hEvent, 1, true, WSA_INFINITE,
                            false);
  DWORD transferred = 0;
  DWORD flags = 0;
  int code = 0;
  if (!library.table->lpWSPGetOverlappedResult(
          s, &state->overlapped, &transferred, FALSE, &flags, &code)) {
    DieOf("WSPGetOverlappedResult", code);
  }
  if (transferred == 0 ||
      (state->is_send && transferred != state->buffer.len)) {
    Die("an overlapped operation did a part");
  }
}

}  // namespace wspd::bench

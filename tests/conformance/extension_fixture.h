#ifndef WSPD_TESTS_CONFORMANCE_EXTENSION_FIXTURE_H_
#define WSPD_TESTS_CONFORMANCE_EXTENSION_FIXTURE_H_

#include "tests/conformance/stream_fixture.h"
// After the Winsock headers.
#include <mswsock.h>

namespace wspd::conformance {

// The extension functions on stream sockets (4.9), each called by the pointer
// that its GUID gives. They say what is wrong by WSASetLastError.
class ExtensionTest : public StreamTest {
 protected:
  // What AcceptEx wants for an address: 16 bytes more than the largest.
  static constexpr DWORD kNameRoom = sizeof(sockaddr_in6) + 16;

  // Into `accept->buffer`, with room for both names beyond `data_room`.
  WsaCode AcceptEx(SOCKET listener, SOCKET s, Overlapped* accept,
                   DWORD data_room = 0);
  WsaCode AcceptExRaw(SOCKET listener, SOCKET s, void* buffer, DWORD data_room,
                      DWORD local_room, DWORD remote_room,
                      LPOVERLAPPED overlapped);
  WsaCode UpdateAcceptContext(SOCKET s, SOCKET listener);

  WsaCode ConnectEx(SOCKET s, const SockAddr& name, LPOVERLAPPED overlapped,
                    const std::string& data = "");
  WsaCode UpdateConnectContext(SOCKET s);

  WsaCode DisconnectEx(SOCKET s, LPOVERLAPPED overlapped, DWORD flags = 0);

  // `file` is a descriptor, or -1 for none.
  WsaCode TransmitFile(SOCKET s, int file, DWORD size, LPOVERLAPPED overlapped,
                       LPTRANSMIT_FILE_BUFFERS buffers = nullptr,
                       DWORD flags = 0);
  WsaCode TransmitPackets(SOCKET s, LPTRANSMIT_PACKETS_ELEMENT elements,
                          DWORD count, LPOVERLAPPED overlapped,
                          DWORD flags = 0);

  WsaCode Result(SOCKET s, Overlapped* operation) {
    return GetOverlappedResult(s, &operation->overlapped, &operation->bytes,
                               false, &operation->flags);
  }
  // A call that has to be under way or done, until it is done.
  void ExpectDone(WsaCode started, Overlapped* operation) {
    ASSERT_THAT(started, ::testing::AnyOf(kOk, kPending));
    ASSERT_TRUE(operation->event.Wait(kSoonMs));
  }

 private:
  template <typename Function>
  Function Find(SOCKET s, GUID guid);
};

}  // namespace wspd::conformance

#endif  // WSPD_TESTS_CONFORMANCE_EXTENSION_FIXTURE_H_

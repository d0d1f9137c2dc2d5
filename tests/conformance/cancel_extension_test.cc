// WSPCancelBlockingCall in the midst of an extension function that sends
// (section 2): as of any send whose caller doesn't learn how much went out, the
// stream's integrity is lost, so that the connection is reset.
#include <stdio.h>
#include <unistd.h>

#include "client_stub/spi_client/blocking_hook.h"
#include "tests/conformance/extension_fixture.h"

namespace wspd::conformance {
namespace {

class CancelExtensionTest : public ExtensionTest {
 protected:
  // More than the peer's side of a connection takes while nobody reads.
  static constexpr size_t kSize = 16 << 20;

  void TearDown() override {
    spi_client::SetBlockingHook({});
    ExtensionTest::TearDown();
  }

  // The hook cancels once something has come to the peer.
  void Install() {
    spi_client::SetBlockingHook(
        {[](DWORD_PTR context) -> BOOL {
           auto* const test = reinterpret_cast<CancelExtensionTest*>(context);
           return test->CancelInTheMidst() ? TRUE : FALSE;
         },
         reinterpret_cast<DWORD_PTR>(this)});
  }
  // What a cancelled call has left.
  void ExpectReset(SOCKET s) {
    spi_client::SetBlockingHook({});
    EXPECT_EQ(cancelled_, kOk);
    const PeerSocket::Rest rest = peer_.ReadToEnd();
    EXPECT_LT(rest.data.size(), kSize);
    EXPECT_EQ(rest.ending, Ending::kReset);
    std::string data;
    EXPECT_EQ(SendText(s, "x"), WsaCode{WSAECONNABORTED});
    EXPECT_EQ(RecvText(s, 1, &data), WsaCode{WSAECONNABORTED});
    EXPECT_EQ(Close(s), kOk);
  }

  SOCKET NewSlow() {
    Pair pair = NewSlowConnection();
    peer_ = std::move(pair.peer);
    return pair.socket;
  }

  PeerSocket peer_;
  std::unique_ptr<PeerListener> slow_;
  WsaCode cancelled_ = kNoErrorGiven;

 private:
  bool CancelInTheMidst() {
    if (!peer_.is_open() && slow_ != nullptr) peer_ = slow_->Accept();
    const bool began = peer_.ReadWhatIsThere(1).size() == 1;
    if (began && cancelled_ == kNoErrorGiven) cancelled_ = CancelBlockingCall();
    return true;
  }
};
WSPD_FOR_BOTH_FAMILIES(CancelExtensionTest);

TEST_P(CancelExtensionTest, TransmitFileInPartResetsTheConnection) {
  const SOCKET s = NewSlow();
  FILE* const file = tmpfile();
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(ftruncate(fileno(file), kSize), 0);
  Install();
  EXPECT_EQ(TransmitFile(s, fileno(file), 0, nullptr), WsaCode{WSAEINTR});
  fclose(file);
  ExpectReset(s);
}

TEST_P(CancelExtensionTest, TransmitPacketsInPartResetsTheConnection) {
  const SOCKET s = NewSlow();
  std::string data(kSize, 'x');
  TRANSMIT_PACKETS_ELEMENT element = {};
  element.dwElFlags = TP_ELEMENT_MEMORY;
  element.cLength = static_cast<ULONG>(data.size());
  element.pBuffer = &data[0];
  Install();
  EXPECT_EQ(TransmitPackets(s, &element, 1, nullptr), WsaCode{WSAEINTR});
  ExpectReset(s);
}

// On a socket that isn't for overlapped calls it blocks.
TEST_P(CancelExtensionTest, ConnectExWithDataInPartResetsTheConnection) {
  PeerListener::Options options;
  options.family = family();
  options.receive_buffer = 4096;
  slow_ = std::make_unique<PeerListener>(options);
  const SOCKET s = New(0);
  ASSERT_EQ(Bind(s, Any()), kOk);
  WSAOVERLAPPED overlapped = {};
  Install();
  EXPECT_EQ(ConnectEx(s, SockAddr::Of(slow_->endpoint()), &overlapped,
                      std::string(kSize, 'x')),
            WsaCode{WSAEINTR});
  ExpectReset(s);
}

}  // namespace
}  // namespace wspd::conformance

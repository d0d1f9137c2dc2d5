// TransmitFile and TransmitPackets (4.9).
#include <stdio.h>

#include "tests/conformance/extension_fixture.h"
#include "tests/testing/pattern.h"

namespace wspd::conformance {
namespace {

using testing::Pattern;

constexpr DWORD kDisconnect = 1;   // TF_DISCONNECT
constexpr DWORD kReuseSocket = 2;  // TF_REUSE_SOCKET

// A file without a name, with contents.
class TempFile {
 public:
  explicit TempFile(const std::string& data) : file_(tmpfile()) {
    EXPECT_NE(file_, nullptr);
    EXPECT_EQ(fwrite(data.data(), 1, data.size(), file_), data.size());
    EXPECT_EQ(fflush(file_), 0);
    Seek(0);
  }
  ~TempFile() { fclose(file_); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;

  int fd() const { return fileno(file_); }
  void Seek(long position) {
    EXPECT_EQ(fseek(file_, position, SEEK_SET), 0);
    EXPECT_EQ(fflush(file_), 0);
  }

 private:
  FILE* const file_;
};

class TransmitTest : public ExtensionTest {
 protected:
  void SetUp() override {
    ExtensionTest::SetUp();
    pair_ = NewConnection();
  }
  Pair pair_;
  char head_[5] = {'h', 'e', 'a', 'd', ':'};
  char tail_[5] = {':', 't', 'a', 'i', 'l'};
  TRANSMIT_FILE_BUFFERS buffers_ = {head_, 5, tail_, 5};
};

class TransmitFileTest : public TransmitTest {};
WSPD_FOR_BOTH_FAMILIES(TransmitFileTest);

// 0 bytes = the whole file.
TEST_P(TransmitFileTest, SendsTheWholeFile) {
  const TempFile file("contents");
  ASSERT_EQ(TransmitFile(pair_.socket, file.fd(), 0, nullptr), kOk);
  EXPECT_EQ(pair_.peer.Read(8), "contents");
}

TEST_P(TransmitFileTest, SendsSoMuch) {
  const TempFile file("contents");
  ASSERT_EQ(TransmitFile(pair_.socket, file.fd(), 3, nullptr), kOk);
  ASSERT_EQ(Shutdown(pair_.socket, SD_SEND), kOk);
  EXPECT_EQ(pair_.peer.ReadToEnd().data, "con");
}

// From the current file position.
TEST_P(TransmitFileTest, BeginsAtThePosition) {
  TempFile file("contents");
  file.Seek(3);
  ASSERT_EQ(TransmitFile(pair_.socket, file.fd(), 0, nullptr), kOk);
  EXPECT_EQ(pair_.peer.Read(5), "tents");
}

// Of an OVERLAPPED: Offset and OffsetHigh.
TEST_P(TransmitFileTest, OverlappedBeginsAtItsOffset) {
  const TempFile file("contents");
  Overlapped& transmit = NewOverlapped();
  transmit.overlapped.Offset = 3;
  ExpectDone(
      TransmitFile(pair_.socket, file.fd(), 0, transmit.WithEvent().overlapped),
      &transmit);
  ASSERT_EQ(Result(pair_.socket, &transmit), kOk);
  EXPECT_EQ(transmit.bytes, 5u);
  EXPECT_EQ(pair_.peer.Read(5), "tents");
}

TEST_P(TransmitFileTest, SendsALargeFile) {
  constexpr size_t kSize = 2 << 20;
  const std::string data = Pattern(0, kSize);
  const TempFile file(data);
  std::string read;
  ThreadGroup reader;
  reader.Start("peer", [&] { read = pair_.peer.Read(kSize); });
  ASSERT_EQ(TransmitFile(pair_.socket, file.fd(), 0, nullptr), kOk);
  reader.JoinAll();
  EXPECT_TRUE(read == data);
}

// Head and tail buffers.
TEST_P(TransmitFileTest, SendsHeadAndTail) {
  const TempFile file("contents");
  ASSERT_EQ(TransmitFile(pair_.socket, file.fd(), 0, nullptr, &buffers_), kOk);
  EXPECT_EQ(pair_.peer.Read(18), "head:contents:tail");
}

// NULL file = only head and tail.
TEST_P(TransmitFileTest, WithoutAFileSendsHeadAndTail) {
  ASSERT_EQ(TransmitFile(pair_.socket, -1, 0, nullptr, &buffers_), kOk);
  EXPECT_EQ(pair_.peer.Read(10), "head::tail");
}

TEST_P(TransmitFileTest, OverlappedGivesItsIndication) {
  const TempFile file("contents");
  Overlapped& transmit = NewOverlapped();
  ExpectDone(TransmitFile(pair_.socket, file.fd(), 0,
                          transmit.WithEvent().overlapped, &buffers_),
             &transmit);
  ASSERT_EQ(Result(pair_.socket, &transmit), kOk);
  EXPECT_EQ(transmit.bytes, 18u);
  EXPECT_EQ(pair_.peer.Read(18), "head:contents:tail");
}

// It comes after the sends before it.
TEST_P(TransmitFileTest, KeepsTheOrderOfSends) {
  const TempFile file("contents");
  ASSERT_EQ(SendText(pair_.socket, "before,"), kOk);
  ASSERT_EQ(TransmitFile(pair_.socket, file.fd(), 0, nullptr), kOk);
  ASSERT_EQ(SendText(pair_.socket, ",after"), kOk);
  EXPECT_EQ(pair_.peer.Read(21), "before,contents,after");
}

// TF_DISCONNECT.
TEST_P(TransmitFileTest, DisconnectEndsTheConnection) {
  const TempFile file("contents");
  ASSERT_EQ(
      TransmitFile(pair_.socket, file.fd(), 0, nullptr, nullptr, kDisconnect),
      kOk);
  const PeerSocket::Rest rest = pair_.peer.ReadToEnd();
  EXPECT_EQ(rest.data, "contents");
  EXPECT_EQ(rest.ending, Ending::kOrderly);
}

// TF_REUSE_SOCKET: when it is done, the socket may connect anew.
TEST_P(TransmitFileTest, ReusedSocketConnectsAgain) {
  const TempFile file("contents");
  Overlapped& transmit = NewOverlapped();
  const WsaCode started =
      TransmitFile(pair_.socket, file.fd(), 0, transmit.WithEvent().overlapped,
                   nullptr, kDisconnect | kReuseSocket);
  EXPECT_EQ(pair_.peer.ReadToEnd().data, "contents");
  pair_.peer.Close();
  ExpectDone(started, &transmit);
  EXPECT_EQ(Result(pair_.socket, &transmit), kOk);
  ASSERT_EQ(Connect(pair_.socket, PeerName()), kOk);
  PeerSocket peer = listener().Accept();
  ASSERT_EQ(SendText(pair_.socket, "x"), kOk);
  EXPECT_EQ(peer.Read(1), "x");
}

// 2: closing the socket aborts what is pending, with its indication.
TEST_P(TransmitFileTest, ClosingAborts) {
  Pair slow = NewSlowConnection();
  FillSendBuffer(slow.socket);
  const TempFile file(Pattern(0, 1 << 20));
  Overlapped& transmit = NewOverlapped();
  ASSERT_EQ(
      TransmitFile(slow.socket, file.fd(), 0, transmit.WithEvent().overlapped),
      kPending);
  ASSERT_EQ(Close(slow.socket), kOk);
  ASSERT_TRUE(transmit.event.Wait(kSoonMs));
  EXPECT_THAT(transmit.status(), IsAbortedStatus());
}

// Unconnected WSAENOTCONN.
TEST_P(TransmitFileTest, UnconnectedIsAnError) {
  const TempFile file("contents");
  EXPECT_EQ(TransmitFile(New(), file.fd(), 0, nullptr), WsaCode{WSAENOTCONN});
}

TEST_P(TransmitFileTest, BadHandleIsNoSocket) {
  const TempFile file("contents");
  EXPECT_EQ(TransmitFile(INVALID_SOCKET, file.fd(), 0, nullptr),
            WsaCode{WSAENOTSOCK});
}

// --------------------------------------------------------- TransmitPackets

class TransmitPacketsTest : public TransmitTest {
 protected:
  static TRANSMIT_PACKETS_ELEMENT Memory(char* data, ULONG size) {
    TRANSMIT_PACKETS_ELEMENT element = {};
    element.dwElFlags = TP_ELEMENT_MEMORY;
    element.cLength = size;
    element.pBuffer = data;
    return element;
  }
  static TRANSMIT_PACKETS_ELEMENT File(const TempFile& file, ULONG size,
                                       LONGLONG offset) {
    TRANSMIT_PACKETS_ELEMENT element = {};
    element.dwElFlags = TP_ELEMENT_FILE;
    element.cLength = size;
    element.nFileOffset.QuadPart = offset;
    element.hFile = reinterpret_cast<HANDLE>(static_cast<INT_PTR>(file.fd()));
    return element;
  }
};
WSPD_FOR_BOTH_FAMILIES(TransmitPacketsTest);

TEST_P(TransmitPacketsTest, SendsMemory) {
  TRANSMIT_PACKETS_ELEMENT elements[] = {Memory(head_, 5), Memory(tail_, 5)};
  ASSERT_EQ(TransmitPackets(pair_.socket, elements, 2, nullptr), kOk);
  EXPECT_EQ(pair_.peer.Read(10), "head::tail");
}

TEST_P(TransmitPacketsTest, SendsPartsOfFilesAmongIt) {
  const TempFile file("contents");
  TRANSMIT_PACKETS_ELEMENT elements[] = {Memory(head_, 5), File(file, 3, 3),
                                         Memory(tail_, 5), File(file, 2, 0)};
  ASSERT_EQ(TransmitPackets(pair_.socket, elements, 4, nullptr), kOk);
  EXPECT_EQ(pair_.peer.Read(15), "head:ten:tailco");
}

TEST_P(TransmitPacketsTest, LengthZeroIsTheRestOfTheFile) {
  const TempFile file("contents");
  TRANSMIT_PACKETS_ELEMENT elements[] = {File(file, 0, 3)};
  ASSERT_EQ(TransmitPackets(pair_.socket, elements, 1, nullptr), kOk);
  EXPECT_EQ(pair_.peer.Read(5), "tents");
}

TEST_P(TransmitPacketsTest, OverlappedGivesItsIndication) {
  TRANSMIT_PACKETS_ELEMENT elements[] = {Memory(head_, 5), Memory(tail_, 5)};
  Overlapped& transmit = NewOverlapped();
  ExpectDone(TransmitPackets(pair_.socket, elements, 2,
                             transmit.WithEvent().overlapped),
             &transmit);
  ASSERT_EQ(Result(pair_.socket, &transmit), kOk);
  EXPECT_EQ(transmit.bytes, 10u);
}

// TF_DISCONNECT and TF_REUSE_SOCKET, as of TransmitFile.
TEST_P(TransmitPacketsTest, DisconnectEndsTheConnection) {
  TRANSMIT_PACKETS_ELEMENT elements[] = {Memory(head_, 5)};
  ASSERT_EQ(TransmitPackets(pair_.socket, elements, 1, nullptr, kDisconnect),
            kOk);
  const PeerSocket::Rest rest = pair_.peer.ReadToEnd();
  EXPECT_EQ(rest.data, "head:");
  EXPECT_EQ(rest.ending, Ending::kOrderly);
}

TEST_P(TransmitPacketsTest, ReusedSocketConnectsAgain) {
  TRANSMIT_PACKETS_ELEMENT elements[] = {Memory(head_, 5)};
  Overlapped& transmit = NewOverlapped();
  const WsaCode started = TransmitPackets(pair_.socket, elements, 1,
                                          transmit.WithEvent().overlapped,
                                          kDisconnect | kReuseSocket);
  EXPECT_EQ(pair_.peer.ReadToEnd().data, "head:");
  pair_.peer.Close();
  ExpectDone(started, &transmit);
  EXPECT_EQ(Result(pair_.socket, &transmit), kOk);
  EXPECT_EQ(Connect(pair_.socket, PeerName()), kOk);
}

TEST_P(TransmitPacketsTest, UnconnectedIsAnError) {
  TRANSMIT_PACKETS_ELEMENT elements[] = {Memory(head_, 5)};
  EXPECT_EQ(TransmitPackets(New(), elements, 1, nullptr), WsaCode{WSAENOTCONN});
}

TEST_P(TransmitPacketsTest, BadHandleIsNoSocket) {
  TRANSMIT_PACKETS_ELEMENT elements[] = {Memory(head_, 5)};
  EXPECT_EQ(TransmitPackets(INVALID_SOCKET, elements, 1, nullptr),
            WsaCode{WSAENOTSOCK});
}

}  // namespace
}  // namespace wspd::conformance

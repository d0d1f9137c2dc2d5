// TransmitFile and TransmitPackets (reference, section 4.9).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/lifecycle/data_fixture.h"
#include "tests/testing/extensions.h"
#include "tests/testing/pattern.h"
#include "tests/testing/peer_datagrams.h"
#include "tests/testing/temp_dir.h"
// After the Winsock headers.
#include <mswsock.h>

namespace wspd::testing {
namespace {

constexpr WsaCode kInval{WSAEINVAL};
constexpr WsaCode kFault{WSAEFAULT};
constexpr WsaCode kNotConn{WSAENOTCONN};
constexpr WsaCode kShutdown{WSAESHUTDOWN};
constexpr WsaCode kNotSock{WSAENOTSOCK};
constexpr WsaCode kMsgSize{WSAEMSGSIZE};
constexpr WsaCode kInvalidHandle{WSA_INVALID_HANDLE};
constexpr DWORD kAborted = WSA_OPERATION_ABORTED;

// A file that is open for reading and writing, at its beginning.
class TestFile {
 public:
  explicit TestFile(const std::string& content) {
    const std::string path = dir_.path() + "/file";
    fd_.Reset(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    EXPECT_EQ(pwrite(fd_.get(), content.data(), content.size(), 0),
              static_cast<ssize_t>(content.size()));
  }
  HANDLE handle() const {
    return reinterpret_cast<HANDLE>(static_cast<INT_PTR>(fd_.get()));
  }
  int fd() const { return fd_.get(); }
  off_t position() const { return lseek(fd_.get(), 0, SEEK_CUR); }
  void Seek(off_t position) { lseek(fd_.get(), position, SEEK_SET); }
  void Close() { fd_.Reset(-1); }

 private:
  TempDir dir_;
  OwnedFd fd_{-1};
};

class TransmitTest : public DataTest {
 protected:
  void SetUp() override {
    DataTest::SetUp();
    connection_ = Connect();
    transmit_ = GetExtension<LPFN_TRANSMITFILE>(*spi_, connection_.socket,
                                                WSAID_TRANSMITFILE);
    packets_ = GetExtension<LPFN_TRANSMITPACKETS>(*spi_, connection_.socket,
                                                  WSAID_TRANSMITPACKETS);
    ASSERT_NE(transmit_, nullptr);
    ASSERT_NE(packets_, nullptr);
    operation_.overlapped.hEvent = event_.get();
  }

  // Of a connection whose peer takes little that it doesn't read.
  void ConnectSlowly() {
    const PeerListener::Options options = {GetParam(), 10, 4096};
    PeerListener slow(options);
    connection_ = ProviderTest::Connect(slow);
  }

  WsaCode Transmit(HANDLE file, DWORD bytes = 0, DWORD flags = 0,
                   TRANSMIT_FILE_BUFFERS* buffers = nullptr) {
    return CodeOfBool(
        transmit_(connection_.socket, file, bytes, 0, nullptr, buffers, flags));
  }
  WsaCode Start(HANDLE file, DWORD bytes = 0, DWORD flags = 0,
                TRANSMIT_FILE_BUFFERS* buffers = nullptr) {
    return CodeOfBool(transmit_(connection_.socket, file, bytes, 0,
                                &operation_.overlapped, buffers, flags));
  }
  WsaCode Packets(std::vector<TRANSMIT_PACKETS_ELEMENT> elements,
                  DWORD send_size = 0, DWORD flags = 0) {
    return CodeOfBool(packets_(connection_.socket, elements.data(),
                               static_cast<DWORD>(elements.size()), send_size,
                               nullptr, flags));
  }
  WsaCode Finish(WsaCode started) {
    if (started != kPending && started != kOk) return started;
    EXPECT_TRUE(event_.Wait());
    return WsaCode{static_cast<int>(operation_.error())};
  }
  static TRANSMIT_PACKETS_ELEMENT Memory(const std::string& data,
                                         ULONG flags = 0) {
    TRANSMIT_PACKETS_ELEMENT element = {};
    element.dwElFlags = TP_ELEMENT_MEMORY | flags;
    element.cLength = static_cast<ULONG>(data.size());
    element.pBuffer = const_cast<char*>(data.data());
    return element;
  }
  static TRANSMIT_PACKETS_ELEMENT FilePart(HANDLE file, LONGLONG offset,
                                           ULONG bytes, ULONG flags = 0) {
    TRANSMIT_PACKETS_ELEMENT element = {};
    element.dwElFlags = TP_ELEMENT_FILE | flags;
    element.cLength = bytes;
    element.nFileOffset.QuadPart = offset;
    element.hFile = file;
    return element;
  }
  static TRANSMIT_FILE_BUFFERS Around(const std::string& head,
                                      const std::string& tail) {
    return {const_cast<char*>(head.data()), static_cast<DWORD>(head.size()),
            const_cast<char*>(tail.data()), static_cast<DWORD>(tail.size())};
  }

  Connection connection_;
  Event event_;
  Operation operation_;
  LPFN_TRANSMITFILE transmit_ = nullptr;
  LPFN_TRANSMITPACKETS packets_ = nullptr;
};

std::string Large() { return Pattern(0, 3 << 20); }

// ---------------------------------------------------------------- TransmitFile

TEST_P(TransmitTest, SendsTheFileBetweenHeadAndTail) {
  TestFile file("the file");
  const std::string head = "head ", tail = " tail";
  TRANSMIT_FILE_BUFFERS buffers = Around(head, tail);
  ASSERT_EQ(Transmit(file.handle(), 0, 0, &buffers), kOk);
  EXPECT_EQ(connection_.peer.Read(18), "head the file tail");
  EXPECT_EQ(file.position(), 8);
  // What is sent next comes behind.
  ASSERT_EQ(spi_->Send(connection_.socket, "next"), kOk);
  EXPECT_EQ(connection_.peer.Read(4), "next");
}

TEST_P(TransmitTest, WithoutAFileOnlyHeadAndTailAreSent) {
  const std::string head = "head", tail = "tail";
  TRANSMIT_FILE_BUFFERS buffers = Around(head, tail);
  ASSERT_EQ(Transmit(nullptr, 0, 0, &buffers), kOk);
  EXPECT_EQ(connection_.peer.Read(8), "headtail");
  EXPECT_EQ(Transmit(nullptr), kOk);
}

TEST_P(TransmitTest, GoesOnWhereTheFileIs) {
  TestFile file("0123456789");
  file.Seek(2);
  ASSERT_EQ(Transmit(file.handle(), 3), kOk);
  EXPECT_EQ(connection_.peer.Read(3), "234");
  EXPECT_EQ(file.position(), 5);
  ASSERT_EQ(Transmit(file.handle()), kOk);
  EXPECT_EQ(connection_.peer.Read(5), "56789");
  // Nothing is left, which is no error.
  EXPECT_EQ(Transmit(file.handle()), kOk);
}

TEST_P(TransmitTest, AnOverlappedCallHasItsOffsetAndItsEvent) {
  TestFile file("0123456789");
  file.Seek(9);
  operation_.overlapped.Offset = 4;
  ASSERT_EQ(Finish(Start(file.handle(), 3)), kOk);
  EXPECT_EQ(operation_.overlapped.InternalHigh, 3u);
  EXPECT_EQ(operation_.status(), 0u);
  EXPECT_EQ(connection_.peer.Read(3), "456");
  EXPECT_EQ(file.position(), 9);
}

TEST_P(TransmitTest, LargeFilesGoAsTheConnectionTakesThem) {
  const std::string content = Large();
  TestFile file(content);
  std::string received;
  std::thread reader([&] { received = connection_.peer.Read(content.size()); });
  EXPECT_EQ(Transmit(file.handle()), kOk);
  reader.join();
  EXPECT_TRUE(received == content);
}

TEST_P(TransmitTest, LargeFilesGoInTheBackgroundToo) {
  ConnectSlowly();
  const std::string content = Large();
  TestFile file(content);
  const std::string head(100000, 'h'), tail(100000, 't');
  TRANSMIT_FILE_BUFFERS buffers = Around(head, tail);
  ASSERT_EQ(Start(file.handle(), 0, 0, &buffers), kPending);
  EXPECT_TRUE(operation_.is_pending());
  // Not needed any more.
  file.Close();
  buffers = {};
  // In its place among the sends.
  Operation behind;
  Event sent;
  behind.overlapped.hEvent = sent.get();
  ASSERT_EQ(spi_->StartSend(connection_.socket, &behind, "behind"), kPending);
  EXPECT_FALSE(event_.IsSet());
  EXPECT_TRUE(connection_.peer.Read(head.size()) == head);
  EXPECT_TRUE(connection_.peer.Read(content.size()) == content);
  EXPECT_TRUE(connection_.peer.Read(tail.size()) == tail);
  EXPECT_EQ(connection_.peer.Read(6), "behind");
  ASSERT_EQ(Finish(kPending), kOk);
  EXPECT_EQ(operation_.overlapped.InternalHigh,
            head.size() + content.size() + tail.size());
  EXPECT_TRUE(sent.Wait());
}

TEST_P(TransmitTest, OthersGoOnMeanwhile) {
  ConnectSlowly();
  TestFile file(Large());
  ASSERT_EQ(Start(file.handle()), kPending);
  Connection other = Connect();
  ASSERT_EQ(spi_->Send(other.socket, "hello"), kOk);
  EXPECT_EQ(other.peer.Read(5), "hello");
  EXPECT_TRUE(operation_.is_pending());
  EXPECT_TRUE(connection_.peer.Read(3 << 20) == Large());
  EXPECT_EQ(Finish(kPending), kOk);
}

TEST_P(TransmitTest, AFileThatBecomesShorterEndsWhereItEnds) {
  ConnectSlowly();
  // More than the connection, the daemon and the provider hold together, so
  // that not all is read however late it becomes shorter.
  const std::string content = Pattern(0, 16 << 20);
  TestFile file(content);
  ASSERT_EQ(Start(file.handle()), kPending);
  ASSERT_EQ(ftruncate(file.fd(), 1 << 20), 0);
  // What was read before stays read.
  std::string data;
  ASSERT_TRUE(WaitUntil([&] {
    data += connection_.peer.ReadWhatIsThere(1 << 20);
    return event_.IsSet();
  }));
  data +=
      connection_.peer.Read(operation_.overlapped.InternalHigh - data.size());
  EXPECT_EQ(operation_.error(), 0u);
  EXPECT_GE(data.size(), size_t{1} << 20);
  EXPECT_LT(data.size(), content.size());
  EXPECT_TRUE(data == content.substr(0, data.size()));
}

TEST_P(TransmitTest, DisconnectingEndsTheConnectionBehindTheFile) {
  TestFile file("content");
  ASSERT_EQ(Transmit(file.handle(), 0, TF_DISCONNECT), kOk);
  const PeerSocket::Rest rest = connection_.peer.ReadToEnd();
  EXPECT_EQ(rest.data, "content");
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  EXPECT_EQ(spi_->Send(connection_.socket, "x"), kShutdown);
  EXPECT_EQ(Transmit(file.handle()), kShutdown);
}

TEST_P(TransmitTest, TheSocketMayBeReusedBehindTheFile) {
  TestFile file("content");
  ASSERT_EQ(Finish(Start(file.handle(), 0, TF_DISCONNECT | TF_REUSE_SOCKET)),
            kOk);
  EXPECT_EQ(operation_.overlapped.InternalHigh, 7u);
  const PeerSocket::Rest rest = connection_.peer.ReadToEnd();
  EXPECT_EQ(rest.data, "content");
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  EXPECT_EQ(Transmit(file.handle()), kNotConn);
  PeerListener other(GetParam());
  ASSERT_EQ(spi_->Connect(connection_.socket, other.endpoint()), kOk);
  file.Seek(0);
  ASSERT_EQ(Transmit(file.handle()), kOk);
  EXPECT_EQ(other.Accept().Read(7), "content");
}

TEST_P(TransmitTest, ClosingEndsItWithItsEvent) {
  ConnectSlowly();
  TestFile file(Large());
  ASSERT_EQ(Start(file.handle()), kPending);
  EXPECT_EQ(connection_.peer.Read(10), Large().substr(0, 10));
  ASSERT_EQ(spi_->Close(connection_.socket), kOk);
  EXPECT_TRUE(event_.Wait());
  EXPECT_EQ(operation_.error(), kAborted);
}

TEST_P(TransmitTest, AResetEndsIt) {
  ConnectSlowly();
  TestFile file(Large());
  ASSERT_EQ(Start(file.handle()), kPending);
  connection_.peer.Reset();
  EXPECT_TRUE(event_.Wait());
  EXPECT_EQ(operation_.error(), DWORD{WSAECONNRESET});
}

TEST_P(TransmitTest, ArgumentsAreChecked) {
  TestFile file("0123456789");
  EXPECT_EQ(Transmit(INVALID_HANDLE_VALUE), kInvalidHandle);
  EXPECT_EQ(Transmit(file.handle(), 0, TF_REUSE_SOCKET), kInval);
  EXPECT_EQ(Transmit(file.handle(), 0, 0x1000), kInval);
  EXPECT_EQ(Transmit(file.handle(), 2147483647), kInval);
  operation_.overlapped.Offset = 11;
  EXPECT_EQ(Start(file.handle()), kInval);
  TRANSMIT_FILE_BUFFERS buffers = {nullptr, 1, nullptr, 0};
  EXPECT_EQ(Transmit(file.handle(), 0, 0, &buffers), kFault);
  EXPECT_FALSE(event_.IsSet());
  const SOCKET connected = connection_.socket;
  ASSERT_EQ(spi_->Socket(&connection_.socket, GetParam()), kOk);
  EXPECT_EQ(Transmit(file.handle()), kNotConn);
  ASSERT_EQ(spi_->DatagramSocket(&connection_.socket, GetParam()), kOk);
  EXPECT_EQ(Transmit(file.handle()), kInval);
  connection_.socket = INVALID_SOCKET;
  EXPECT_EQ(Transmit(file.handle()), kNotSock);
  // Nothing of all that was sent.
  ASSERT_EQ(spi_->Send(connected, "end"), kOk);
  EXPECT_EQ(connection_.peer.Read(3), "end");
}

TEST_P(TransmitTest, NonBlockingModeDoesNotApply) {
  const std::string content = Large();
  TestFile file(content);
  ASSERT_EQ(spi_->SetNonBlocking(connection_.socket, true), kOk);
  std::string received;
  std::thread reader([&] { received = connection_.peer.Read(content.size()); });
  EXPECT_EQ(Transmit(file.handle()), kOk);
  reader.join();
  EXPECT_TRUE(received == content);
}

// ------------------------------------------------------------- TransmitPackets

TEST_P(TransmitTest, PacketsComeFromMemoryAndFiles) {
  TestFile file("0123456789");
  file.Seek(8);
  ASSERT_EQ(Packets({Memory("<"), FilePart(file.handle(), 2, 3),
                     Memory("|", TP_ELEMENT_EOP),
                     FilePart(file.handle(), -1, 0), Memory(">")}),
            kOk);
  EXPECT_EQ(connection_.peer.Read(8), "<234|89>");
  EXPECT_EQ(file.position(), 10);
  EXPECT_EQ(Packets({}), kOk);
}

TEST_P(TransmitTest, LargePacketsGoInTheBackground) {
  ConnectSlowly();
  const std::string content = Large();
  TestFile file(content);
  const std::string memory(1 << 20, 'm');
  {
    std::vector<TRANSMIT_PACKETS_ELEMENT> elements = {
        Memory(memory), FilePart(file.handle(), 0, 0), Memory(memory)};
    ASSERT_EQ(CodeOfBool(packets_(connection_.socket, elements.data(), 3, 0,
                                  &operation_.overlapped, TF_DISCONNECT)),
              kPending);
  }
  const PeerSocket::Rest rest = connection_.peer.ReadToEnd();
  EXPECT_TRUE(rest.data == memory + content + memory);
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  EXPECT_EQ(Finish(kPending), kOk);
  EXPECT_EQ(operation_.overlapped.InternalHigh, rest.data.size());
}

TEST_P(TransmitTest, DatagramsEndWhereTheElementsSaySo) {
  PeerDatagrams peer(GetParam());
  ASSERT_EQ(spi_->DatagramSocket(&connection_.socket, GetParam()), kOk);
  EXPECT_EQ(Packets({Memory("x")}), kNotConn);
  ASSERT_EQ(spi_->Connect(connection_.socket, peer.endpoint()), kOk);
  TestFile file("0123456789");
  ASSERT_EQ(
      Packets({Memory("one "), FilePart(file.handle(), 0, 3, TP_ELEMENT_EOP),
               Memory("two", TP_ELEMENT_EOP), Memory("three")},
              0xffffffff),
      kOk);
  EXPECT_EQ(peer.Receive().data, "one 012");
  EXPECT_EQ(peer.Receive().data, "two");
  EXPECT_EQ(peer.Receive().data, "three");
  ASSERT_EQ(Packets({FilePart(file.handle(), 0, 0)}, 4), kOk);
  EXPECT_EQ(peer.Receive().data, "0123");
  EXPECT_EQ(peer.Receive().data, "4567");
  EXPECT_EQ(peer.Receive().data, "89");
  EXPECT_EQ(Packets({Memory(std::string(70000, 'x'))}), kMsgSize);
  EXPECT_EQ(Packets({Memory("x")}, 0, TF_DISCONNECT), kInval);
}

TEST_P(TransmitTest, ElementsAreChecked) {
  TestFile file("0123456789");
  TRANSMIT_PACKETS_ELEMENT element = Memory("x");
  element.dwElFlags = 0;
  EXPECT_EQ(Packets({element}), kInval);
  element.dwElFlags = TP_ELEMENT_MEMORY | TP_ELEMENT_FILE;
  EXPECT_EQ(Packets({element}), kInval);
  element = Memory("x");
  element.pBuffer = nullptr;
  EXPECT_EQ(Packets({element}), kFault);
  EXPECT_EQ(Packets({FilePart(file.handle(), 11, 0)}), kInval);
  EXPECT_EQ(Packets({FilePart(file.handle(), -2, 0)}), kInval);
  EXPECT_EQ(Packets({FilePart(nullptr, 0, 0)}), kInvalidHandle);
  EXPECT_EQ(CodeOfBool(packets_(connection_.socket, nullptr, 1, 0, nullptr, 0)),
            kFault);
  EXPECT_EQ(Packets({Memory("x")}, 0, TF_REUSE_SOCKET), kInval);
}

INSTANTIATE_TEST_SUITE_P(Families, TransmitTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& info) {
                           return info.param == Family::kIpv4 ? "Ipv4" : "Ipv6";
                         });

}  // namespace
}  // namespace wspd::testing

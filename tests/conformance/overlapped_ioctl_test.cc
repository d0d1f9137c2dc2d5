// Overlapped WSPIoctl (4.3).
#include <atomic>

#include "client_stub/spi_client/event.h"
#include "tests/conformance/option_fixture.h"

namespace wspd::conformance {
namespace {

using ::testing::AnyOf;

std::atomic<int> routines_run{0};
std::atomic<DWORD> routine_bytes{0x5ead}, routine_error{0x5ead};

void CALLBACK Keep(DWORD error, DWORD bytes, LPWSAOVERLAPPED, DWORD) {
  ++routines_run;
  routine_error = error;
  routine_bytes = bytes;
}

// Codes that are finished at once, on a stream socket over IPv4.
struct QuickCode {
  const char* name;
  DWORD code;
  DWORD out_size;  // 0: it takes a value
};

std::ostream& operator<<(std::ostream& out, const QuickCode& code) {
  return out << code.name;
}

class OverlappedIoctlTest : public ConformanceTest,
                            public ::testing::WithParamInterface<QuickCode> {
 protected:
  void SetUp() override {
    ConformanceTest::SetUp();
    s_ = NewConnection(Family::kIpv4).socket;
  }
  WsaCode Start(const Overlap& overlap) {
    const bool route = GetParam().code == SIO_ROUTING_INTERFACE_QUERY;
    void* const in = route ? static_cast<void*>(name_.get()) : &on_;
    const DWORD in_size = route ? static_cast<DWORD>(name_.length())
                          : GetParam().out_size == 0 ? sizeof(on_)
                                                     : 0;
    return Ioctl(s_, GetParam().code, in_size == 0 ? nullptr : in, in_size,
                 GetParam().out_size == 0 ? nullptr : out_, GetParam().out_size,
                 &returned_, overlap);
  }

  SOCKET s_ = INVALID_SOCKET;
  u_long on_ = 1;
  SockAddr name_ = SockAddr::Loopback(Family::kIpv4, 9);
  char out_[64] = {};
  DWORD returned_ = 0;
};

INSTANTIATE_TEST_SUITE_P(
    , OverlappedIoctlTest,
    ::testing::Values(QuickCode{"NonBlocking", FIONBIO, 0},
                      QuickCode{"BytesReadable", FIONREAD, 4},
                      QuickCode{"AtMark", SIOCATMARK, 4},
                      QuickCode{"RoutingQuery", SIO_ROUTING_INTERFACE_QUERY,
                                16}),
    [](const auto& info) { return std::string(info.param.name); });

// They still give their indication: the event …
TEST_P(OverlappedIoctlTest, EventIsSignalled) {
  Overlapped& ioctl = NewOverlapped();
  ASSERT_THAT(Start(ioctl.WithEvent()), AnyOf(kOk, kPending));
  ASSERT_TRUE(ioctl.event.Wait(kSoonMs));
  EXPECT_EQ(ioctl.status(), kStatusSuccess);
}

// … or the routine, with a byte count of 0 in the completion …
TEST_P(OverlappedIoctlTest, RoutineGetsNoBytes) {
  Overlapped& ioctl = NewOverlapped();
  ASSERT_THAT(Start(ioctl.WithRoutine(Keep)), AnyOf(kOk, kPending));
  EXPECT_EQ(spi_client::SleepAlertable(kSoonMs), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_EQ(routines_run, 1);
  EXPECT_EQ(routine_error, 0u);
  EXPECT_EQ(routine_bytes, 0u);
}

// … while lpcbBytesReturned has the true size.
TEST_P(OverlappedIoctlTest, CountIsTheTrueSize) {
  Overlapped& ioctl = NewOverlapped();
  ASSERT_EQ(Start(ioctl.WithEvent()), kOk);
  EXPECT_EQ(returned_, GetParam().out_size);
}

// --------------------------------------------------------- unsupported codes

class UnsupportedOverlappedIoctlTest : public ConformanceTest {};

// 4.3: unsupported, overlapped → 997, then completes with WSAEOPNOTSUPP.
TEST_F(UnsupportedOverlappedIoctlTest, PendsAndFails) {
  const SOCKET s = NewSocket(Family::kIpv4);
  Overlapped& ioctl = NewOverlapped();
  DWORD returned = 0;
  ASSERT_EQ(Ioctl(s, _WSAIO(IOC_WS2, 0x3ead), nullptr, 0, nullptr, 0, &returned,
                  ioctl.WithEvent()),
            kPending);
  ASSERT_TRUE(ioctl.event.Wait(kSoonMs));
  EXPECT_EQ(GetOverlappedResult(s, &ioctl.overlapped, &ioctl.bytes, false,
                                &ioctl.flags),
            WsaCode{WSAEOPNOTSUPP});
}

TEST_F(UnsupportedOverlappedIoctlTest, RoutineGetsTheError) {
  const SOCKET s = NewSocket(Family::kIpv4);
  Overlapped& ioctl = NewOverlapped();
  DWORD returned = 0;
  ASSERT_EQ(Ioctl(s, _WSAIO(IOC_WS2, 0x3ead), nullptr, 0, nullptr, 0, &returned,
                  ioctl.WithRoutine(Keep)),
            kPending);
  EXPECT_EQ(spi_client::SleepAlertable(kSoonMs), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_EQ(routine_error, DWORD{WSAEOPNOTSUPP});
}

}  // namespace
}  // namespace wspd::conformance

// How many requests to be told of changes of the network a client may have
// (proto/README.md, "Limits").
#include <cstdint>
#include <vector>

#include "daemon/session/testing/session_client.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

constexpr uint64_t kSocket = 77;
constexpr uint32_t kFionbio = 0x8004667e;
constexpr uint32_t kAddressListChange = 0x28000017;
constexpr uint32_t kRoutingInterfaceChange = 0x88000015;

SessionLimits Three() {
  SessionLimits limits;
  limits.change_requests_per_client = 3;
  return limits;
}

class ChangeRequestsTest : public testing::Test {
 protected:
  ChangeRequestsTest() {
    for (uint64_t i = 0; i < 4; ++i) client_.MakeSocket(kSocket + i);
  }

  // One that waits, on a socket of its own; returns the call's id.
  uint64_t Begin(uint64_t socket) {
    wsp::v1::Call* const call = client_.Add(socket);
    call->mutable_ioctl()->set_code(kAddressListChange);
    call->set_overlapped(true);
    return client_.Send();
  }
  // One that is answered at once, and becomes an event.
  uint32_t Ask(uint64_t socket, uint32_t code = kAddressListChange) {
    auto* const ioctl = client_.Add(socket)->mutable_ioctl();
    ioctl->set_code(code);
    if (code == kRoutingInterfaceChange) {
      ioctl->mutable_address()->mutable_ipv4()->set_address(0x7f000001);
    }
    return client_.Run().wsa_error();
  }
  void SetNonBlocking(uint64_t socket) {
    auto* const ioctl = client_.Add(socket)->mutable_ioctl();
    ioctl->set_code(kFionbio);
    ioctl->set_number(1);
    EXPECT_EQ(client_.Run().wsa_error(), 0);
  }
  uint32_t requests() { return harness_.client()->usage().change_requests; }

  SessionHarness harness_{Three()};
  SessionClient client_{&harness_};
};

TEST_F(ChangeRequestsTest, AreLimitedOverAllSocketsOfAClient) {
  std::vector<uint64_t> calls;
  for (uint64_t i = 0; i < 3; ++i) calls.push_back(Begin(kSocket + i));
  EXPECT_EQ(client_.Await(Begin(kSocket + 3)).wsa_error(), kWsaNoBufs);
  for (const uint64_t call : calls) EXPECT_FALSE(client_.Has(call));
  // The end of one makes room.
  EXPECT_EQ(client_.Close(kSocket), 0);
  EXPECT_EQ(client_.Await(calls[0]).wsa_error(), kWsaOperationAborted);
  EXPECT_EQ(requests(), 2u);
  EXPECT_FALSE(client_.Has(Begin(kSocket + 3)));
  EXPECT_EQ(client_.Await(Begin(kSocket + 3)).wsa_error(), kWsaNoBufs);
}

TEST_F(ChangeRequestsTest, CountOverAllAttachments) {
  for (uint64_t i = 0; i < 3; ++i) Begin(kSocket + i);
  SessionClient other(&harness_);
  other.MakeSocket(kSocket);
  wsp::v1::Call* const call = other.Add(kSocket);
  call->mutable_ioctl()->set_code(kAddressListChange);
  call->set_overlapped(true);
  EXPECT_EQ(other.Run().wsa_error(), kWsaNoBufs);
}

TEST_F(ChangeRequestsTest, CountAlsoIfTheyBecomeEvents) {
  for (uint64_t i = 0; i < 4; ++i) SetNonBlocking(kSocket + i);
  EXPECT_EQ(Ask(kSocket), kWsaWouldBlock);
  EXPECT_EQ(Ask(kSocket, kRoutingInterfaceChange), kWsaWouldBlock);
  EXPECT_EQ(Ask(kSocket + 1), kWsaWouldBlock);
  EXPECT_EQ(Ask(kSocket + 2), kWsaNoBufs);
  EXPECT_EQ(client_.Await(Begin(kSocket + 2)).wsa_error(), kWsaNoBufs);
  // One that takes another's place needs no room.
  EXPECT_EQ(Ask(kSocket), kWsaWouldBlock);
  EXPECT_EQ(Ask(kSocket, kRoutingInterfaceChange), kWsaWouldBlock);
  EXPECT_EQ(requests(), 3u);
  EXPECT_EQ(client_.Close(kSocket), 0);
  EXPECT_EQ(requests(), 1u);
  // It counts as one.
  EXPECT_EQ(Ask(kSocket + 1), kWsaWouldBlock);
  EXPECT_EQ(requests(), 1u);
}

TEST_F(ChangeRequestsTest, FinalCleanupEndsThem) {
  for (uint64_t i = 0; i < 3; ++i) Begin(kSocket + i);
  EXPECT_EQ(requests(), 3u);
  client_.Add(0)->mutable_cleanup();
  EXPECT_EQ(client_.Run().wsa_error(), 0);
  EXPECT_EQ(requests(), 0u);
}

}  // namespace
}  // namespace wspd

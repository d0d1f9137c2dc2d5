// The codec of readiness and network events against protobuf's own.
#include "client_stub/transport/network_events.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client_stub/transport/attachment_fixture.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wsp {
namespace {

using Ids = std::vector<uint64_t>;

template <typename Repeated>
Ids IdsOf(const Repeated& field) {
  return Ids(field.begin(), field.end());
}

v1::Call Parse(const ByteBuffer& bytes) {
  v1::Call call;
  EXPECT_TRUE(
      call.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  return call;
}

TEST(NetworkEventsTest, SelectCarriesEverything) {
  SelectParams params;
  params.read = {1, ~0ull};
  params.write = {3};
  params.except = {1ull << 63};
  params.others = {7};
  params.no_wait = true;
  params.poll = true;
  ByteBuffer bytes;
  AppendSelect(&bytes, params);
  const v1::SelectRequest select = Parse(bytes).select();
  EXPECT_EQ(IdsOf(select.read()), params.read);
  EXPECT_EQ(IdsOf(select.write()), params.write);
  EXPECT_EQ(IdsOf(select.except()), params.except);
  EXPECT_EQ(IdsOf(select.others()), params.others);
  EXPECT_TRUE(select.no_wait());
  EXPECT_TRUE(select.poll());
}

TEST(NetworkEventsTest, SelectsOfThousandsOfSockets) {
  SelectParams params;
  for (uint64_t id = 0; id < 5000; ++id) params.read.push_back(id << 40);
  ByteBuffer bytes;
  AppendSelect(&bytes, params);
  EXPECT_EQ(IdsOf(Parse(bytes).select().read()), params.read);
}

TEST(NetworkEventsTest, SelectReply) {
  v1::SelectResult result;
  result.add_read(5);
  result.add_read(~0ull);
  result.add_write(6);
  result.add_except(7);
  result.add_hung_up(8);
  result.add_failed(9);
  result.add_invalid(10);
  SelectReply reply;
  const std::string bytes = result.SerializeAsString();
  ASSERT_TRUE(DecodeSelectReply(View(bytes), &reply));
  EXPECT_EQ(reply.read, (Ids{5, ~0ull}));
  EXPECT_EQ(reply.write, Ids{6});
  EXPECT_EQ(reply.except, Ids{7});
  EXPECT_EQ(reply.hung_up, Ids{8});
  EXPECT_EQ(reply.failed, Ids{9});
  EXPECT_EQ(reply.invalid, Ids{10});
  // Half an id.
  EXPECT_FALSE(
      DecodeSelectReply(View("\x0a\x04" + std::string(4, 'x')), &reply));
}

TEST(NetworkEventsTest, RegistrationsAndReenabling) {
  ByteBuffer bytes;
  AppendEventSelect(&bytes, 0x3ff, 1ull << 40);
  EXPECT_EQ(Parse(bytes).event_select().network_events(), 0x3ffu);
  EXPECT_EQ(Parse(bytes).event_select().registration(), 1ull << 40);
  bytes.clear();
  AppendAsyncSelect(&bytes, 0, 2);
  EXPECT_TRUE(Parse(bytes).has_async_select());
  EXPECT_EQ(Parse(bytes).async_select().network_events(), 0u);
  EXPECT_EQ(Parse(bytes).async_select().registration(), 2u);
  bytes.clear();
  AppendEnumNetworkEvents(&bytes, 0);
  EXPECT_TRUE(Parse(bytes).has_enum_network_events());
  bytes.clear();
  AppendEnumNetworkEvents(&bytes, 300);
  EXPECT_EQ(Parse(bytes).enum_network_events().up_to_count(), 300u);
  bytes.clear();
  AppendReenableEvents(&bytes, 5);
  EXPECT_EQ(Parse(bytes).reenable_events().network_events(), 5u);
}

TEST(NetworkEventsTest, EnumeratedEvents) {
  v1::EnumNetworkEventsResult result;
  result.set_network_events(0x21);
  for (uint32_t bit = 0; bit < 6; ++bit) result.add_errors(10050 + bit);
  result.set_count(300);
  NetworkEventsReply reply;
  ASSERT_TRUE(
      DecodeNetworkEventsReply(View(result.SerializeAsString()), &reply));
  EXPECT_EQ(reply.events, 0x21u);
  EXPECT_EQ(reply.errors[0], 10050u);
  EXPECT_EQ(reply.errors[5], 10055u);
  EXPECT_EQ(reply.errors[6], 0u);
  EXPECT_EQ(reply.count, 300u);
  // More than are known here.
  for (uint32_t bit = 6; bit < 20; ++bit) result.add_errors(bit);
  EXPECT_TRUE(
      DecodeNetworkEventsReply(View(result.SerializeAsString()), &reply));
  EXPECT_EQ(reply.errors[9], 9u);
  // A number without end.
  EXPECT_FALSE(
      DecodeNetworkEventsReply(View(std::string("\x12\x01\xff")), &reply));
}

TEST_F(AttachmentTest, NoticesOfNetworkEventsReachTheObserver) {
  Attach();
  v1::ServerFrame frame;
  v1::NetworkEvent* event = frame.add_events()->mutable_network_event();
  event->set_socket_id(4);
  event->set_registration(9);
  event->set_network_events(0x20);
  event->set_wsa_error(10054);
  event->set_count(77);
  event->add_errors(0);
  event->add_errors(10061);
  event->set_enumerated_count(76);
  daemon_->Send(frame);
  Exchange();
  EXPECT_NE(status_, IoStatus::kBroken);
  EXPECT_EQ(watcher_.event.socket_id, 4u);
  EXPECT_EQ(watcher_.event.registration, 9u);
  EXPECT_EQ(watcher_.event.events, 0x20u);
  EXPECT_EQ(watcher_.event.wsa_error, 10054u);
  EXPECT_EQ(watcher_.event.count, 77u);
  EXPECT_EQ(watcher_.event.errors[0], 0u);
  EXPECT_EQ(watcher_.event.errors[1], 10061u);
  EXPECT_EQ(watcher_.event.enumerated_count, 76u);
}

TEST_F(AttachmentTest, NoticesBeforeTheWelcomeAreNonsense) {
  Reconnect();
  Exchange();
  v1::ServerFrame frame;
  frame.add_events()->mutable_network_event()->set_socket_id(4);
  daemon_->Send(frame);
  Exchange();
  EXPECT_EQ(status_, IoStatus::kBroken);
}

// A frame has a limit, and 64 selects of all sockets are beyond it.
TEST_F(AttachmentTest, LargeSelectsAreSpreadOverFrames) {
  Attach();
  SelectParams params;
  for (uint64_t id = 1; id <= 4096; ++id) params.read.push_back(id);
  params.write = params.except = params.read;
  constexpr int kSelects = 40;
  for (int i = 0; i < kSelects; ++i) {
    Call* call = attachment_.NewCall(&owner_, {});
    AppendSelect(&call->bytes, params);
    attachment_.Submit(call);
  }
  Exchange();
  int calls = 0;
  while (!daemon_->frames.empty()) {
    const v1::ClientFrame frame = Take();
    EXPECT_LT(frame.ByteSizeLong(), 512u << 10);
    calls += frame.calls_size();
  }
  EXPECT_EQ(calls, kSelects);
}

}  // namespace
}  // namespace wsp

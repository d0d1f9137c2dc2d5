// The hand-written codec against protobuf's own.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "client_stub/transport/ioctl_lists.h"
#include "client_stub/transport/lookup.h"
#include "client_stub/transport/requests.h"
#include "client_stub/transport/server_frame.h"
#include "proto/wire_fields.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wsp {
namespace {

ByteView View(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

std::string Text(ByteView view) {
  return std::string(reinterpret_cast<const char*>(view.data), view.size);
}

template <typename Message>
Message Parse(const ByteBuffer& bytes) {
  Message message;
  EXPECT_TRUE(
      message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  return message;
}

class Recorder final : public ServerFrameVisitor {
 public:
  bool OnWelcome(const Welcome& value) override {
    welcome = value;
    token = Text(value.attachment_token);
    return true;
  }
  bool OnCompletion(const Completion& value) override {
    completion = value;
    data = Text(value.data);
    ++completions;
    return true;
  }
  bool OnRegistrationEnded(uint32_t value) override {
    reason = value;
    return true;
  }
  bool OnNetworkEvent(const NetworkEvent& value) override {
    event = value;
    return true;
  }

  Welcome welcome;
  std::string token;
  Completion completion;
  std::string data;
  int completions = 0;
  uint32_t reason = 99;
  NetworkEvent event;
};

Recorder Decode(const v1::ServerFrame& frame) {
  Recorder recorder;
  EXPECT_TRUE(DecodeServerFrame(View(frame.SerializeAsString()), &recorder));
  return recorder;
}

TEST(RequestsTest, HelloNamesVersionPersonalityAndToken) {
  ByteBuffer bytes;
  const std::string token = "token";
  HelloParams params;
  params.resume_token = View(token);
  params.client_name = "me";
  AppendAck(&bytes, 7);
  AppendHello(&bytes, params);
  AppendCancel(&bytes, 5);
  const auto frame = Parse<v1::ClientFrame>(bytes);
  EXPECT_EQ(frame.ack_sequence(), 7u);
  EXPECT_EQ(frame.cancels(0).call_id(), 5u);
  EXPECT_EQ(frame.hello().version().major(), 1u);
  EXPECT_EQ(frame.hello().personality(), v1::PERSONALITY_WINSOCK);
  ASSERT_EQ(frame.hello().capabilities_size(), 2);
  EXPECT_EQ(frame.hello().capabilities(0), v1::CAPABILITY_FORWARDED);
  EXPECT_EQ(frame.hello().capabilities(1), v1::CAPABILITY_RESUME);
  EXPECT_EQ(frame.hello().resume_token(), "token");
  EXPECT_EQ(frame.hello().client_name(), "me");
}

TEST(RequestsTest, HelloOfLinuxOffersBothPlanes) {
  ByteBuffer bytes;
  HelloParams params;
  params.linux_personality = true;
  AppendHello(&bytes, params);
  const auto frame = Parse<v1::ClientFrame>(bytes);
  EXPECT_EQ(frame.hello().personality(), v1::PERSONALITY_LINUX);
  ASSERT_EQ(frame.hello().capabilities_size(), 3);
  EXPECT_EQ(frame.hello().capabilities(0), v1::CAPABILITY_RELAYED);
  EXPECT_EQ(frame.hello().capabilities(1), v1::CAPABILITY_LENT);
  EXPECT_EQ(frame.hello().capabilities(2), v1::CAPABILITY_FAREWELL);
}

TEST(RequestsTest, HelloOfWinsockAsksForLentSocketsIfWanted) {
  ByteBuffer bytes;
  HelloParams params;
  params.lent = true;
  AppendHello(&bytes, params);
  const auto frame = Parse<v1::ClientFrame>(bytes);
  EXPECT_EQ(frame.hello().personality(), v1::PERSONALITY_WINSOCK);
  ASSERT_EQ(frame.hello().capabilities_size(), 3);
  EXPECT_EQ(frame.hello().capabilities(2), v1::CAPABILITY_LENT);
}

TEST(RequestsTest, LendSocketAndSocketError) {
  ByteBuffer bytes;
  AppendLendSocket(&bytes);
  EXPECT_TRUE(Parse<v1::Call>(bytes).has_lend_socket());
  bytes.clear();
  AppendSocketError(&bytes, 104);
  EXPECT_EQ(Parse<v1::Call>(bytes).socket_error().linux_errno(), 104u);
}

TEST(RequestsTest, CallHeaderCarriesEverything) {
  ByteBuffer bytes;
  AppendCallHeader(&bytes, {1, 2, true, true, 300});
  AppendListen(&bytes, -1);
  const auto call = Parse<v1::Call>(bytes);
  EXPECT_EQ(call.call_id(), 1u);
  EXPECT_EQ(call.socket_id(), 2u);
  EXPECT_TRUE(call.overlapped());
  EXPECT_TRUE(call.report_pending());
  EXPECT_EQ(call.timeout_ms(), 300u);
  EXPECT_EQ(call.listen().backlog(), -1);
}

TEST(RequestsTest, LookupCarriesEverything) {
  LookupParams params;
  params.kind = v1::LookupRequest::KIND_ADDRESS;
  params.name = {'n'};
  params.address.family = Address::kIpv4;
  params.address.bytes[0] = 10;
  params.family = v1::SocketRequest::FAMILY_IPV6;
  params.service = {'s'};
  params.type = v1::SocketRequest::TYPE_DATAGRAM;
  params.want_aliases = true;
  ByteBuffer bytes;
  AppendLookup(&bytes, params);
  const auto lookup = Parse<v1::Call>(bytes).lookup();
  EXPECT_EQ(lookup.kind(), v1::LookupRequest::KIND_ADDRESS);
  EXPECT_EQ(lookup.name(), "n");
  EXPECT_EQ(lookup.address().ipv4().address(), 0x0a000000u);
  EXPECT_EQ(lookup.family(), v1::SocketRequest::FAMILY_IPV6);
  EXPECT_EQ(lookup.service(), "s");
  EXPECT_EQ(lookup.type(), v1::SocketRequest::TYPE_DATAGRAM);
  EXPECT_TRUE(lookup.want_aliases());
  bytes.clear();
  AppendLookup(&bytes, LookupParams());
  EXPECT_TRUE(Parse<v1::Call>(bytes).has_lookup());
}

TEST(RequestsTest, DuplicatesNameProcessAndTicket) {
  ByteBuffer bytes;
  AppendDuplicateSocket(&bytes, 4711);
  EXPECT_EQ(Parse<v1::Call>(bytes).duplicate_socket().process_id(), 4711u);
  bytes.clear();
  AppendDuplicateSocket(&bytes, 0);
  EXPECT_TRUE(Parse<v1::Call>(bytes).has_duplicate_socket());
  bytes.clear();
  AppendSocket(&bytes, v1::SocketRequest::FAMILY_IPV6,
               v1::SocketRequest::TYPE_STREAM, 6, 1, 0xfffffffe);
  const auto socket = Parse<v1::Call>(bytes).socket();
  EXPECT_EQ(socket.family(), v1::SocketRequest::FAMILY_IPV6);
  EXPECT_EQ(socket.type(), v1::SocketRequest::TYPE_STREAM);
  EXPECT_EQ(socket.protocol(), 6);
  EXPECT_EQ(socket.flags(), 1u);
  EXPECT_EQ(socket.ticket(), 0xfffffffeu);
}

TEST(RequestsTest, EmptyRequestsAreStillSet) {
  ByteBuffer bytes;
  AppendCleanup(&bytes);
  EXPECT_TRUE(Parse<v1::Call>(bytes).has_cleanup());
}

TEST(RequestsTest, AddressesOfBothFamilies) {
  Address v4;
  v4.family = Address::kIpv4;
  const uint8_t loopback[] = {127, 0, 0, 1};
  std::memcpy(v4.bytes, loopback, 4);
  v4.port = 65535;
  ByteBuffer bytes;
  AppendConnect(&bytes, v4, false);
  const auto ipv4 = Parse<v1::Call>(bytes).connect().address().ipv4();
  EXPECT_EQ(ipv4.address(), 0x7f000001u);
  EXPECT_EQ(ipv4.port(), 65535u);

  Address v6;
  v6.family = Address::kIpv6;
  for (int i = 0; i < 16; ++i) v6.bytes[i] = static_cast<uint8_t>(200 + i);
  v6.port = 80;
  v6.flow_info = 9;
  v6.scope_id = 3;
  bytes.clear();
  AppendBind(&bytes, v6);
  const auto ipv6 = Parse<v1::Call>(bytes).bind().address().ipv6();
  EXPECT_EQ(View(ipv6.address()).size, 16u);
  EXPECT_EQ(std::memcmp(ipv6.address().data(), v6.bytes, 16), 0);
  EXPECT_EQ(ipv6.port(), 80u);
  EXPECT_EQ(ipv6.flow_info(), 9u);
  EXPECT_EQ(ipv6.scope_id(), 3u);
}

TEST(RequestsTest, SendLeavesRoomForItsPayload) {
  for (const uint32_t size : {0u, 1u, 127u, 128u, 65536u}) {
    ByteBuffer bytes;
    AppendCallHeader(&bytes, {1, 2, false, false, 0});
    AppendSend(&bytes, 4, 1ull << 40, size);
    bytes.insert(bytes.end(), size, 'x');
    const auto send = Parse<v1::Call>(bytes).send();
    EXPECT_EQ(send.flags(), 4u);
    EXPECT_EQ(send.stream_offset(), 1ull << 40);
    EXPECT_TRUE(send.data() == std::string(size, 'x'));
  }
}

TEST(RequestsTest, DatagramsCarryTheirAncillaryData) {
  ByteBuffer control;
  WireWriter(&control).Message(
      wire::SendToRequest::kControl,
      [](WireWriter& out) { out.Int32(wire::ControlMessage::kType, 19); });
  Address to;
  to.family = Address::kIpv4;
  to.port = 80;
  ByteBuffer bytes;
  AppendSendTo(&bytes, 4, to, {control.data(), control.size()}, 3);
  bytes.insert(bytes.end(), 3, 'x');
  const auto send = Parse<v1::Call>(bytes).send_to();
  EXPECT_EQ(send.to().ipv4().port(), 80u);
  ASSERT_EQ(send.control_size(), 1);
  EXPECT_EQ(send.control(0).type(), 19);
  EXPECT_EQ(send.data(), "xxx");

  bytes.clear();
  AppendRecvFrom(&bytes, 100, 2, true);
  const auto receive = Parse<v1::Call>(bytes).recv_from();
  EXPECT_EQ(receive.max_bytes(), 100u);
  EXPECT_EQ(receive.flags(), 2u);
  EXPECT_TRUE(receive.want_control());
}

TEST(RequestsTest, ExtensionFunctionsCarryTheirArguments) {
  ByteBuffer bytes;
  AppendAcceptEx(&bytes, 7, 100, true);
  const auto accept = Parse<v1::Call>(bytes).accept();
  EXPECT_EQ(accept.accepted_socket_id(), 7u);
  EXPECT_TRUE(accept.extended());
  EXPECT_EQ(accept.max_bytes(), 100u);
  EXPECT_TRUE(accept.no_address_room());
  bytes.clear();
  AppendConnect(&bytes, Address(), true);
  EXPECT_TRUE(Parse<v1::Call>(bytes).connect().extended());
  bytes.clear();
  AppendDisconnectEx(&bytes, true);
  EXPECT_TRUE(Parse<v1::Call>(bytes).disconnect_ex().reuse());
  bytes.clear();
  AppendSetSockOptContext(&bytes, 0xffff, 0x700b, 9);
  EXPECT_EQ(Parse<v1::Call>(bytes).set_sock_opt().value().socket_id(), 9u);
  bytes.clear();
  AppendSetSockOptContext(&bytes, 0xffff, 0x7010, 0);
  EXPECT_FALSE(Parse<v1::Call>(bytes).set_sock_opt().has_value());
}

TEST(RequestsTest, OptionsKeepTheirZeros) {
  ByteBuffer bytes;
  AppendSetSockOptNumber(&bytes, 0xffff, ~4, 0);
  const auto option = Parse<v1::Call>(bytes).set_sock_opt();
  EXPECT_EQ(option.level(), 0xffff);
  EXPECT_EQ(option.option(), ~4);
  EXPECT_EQ(option.value().value_case(), v1::OptionValue::kNumber);
}

TEST(ServerFrameTest, Welcome) {
  v1::ServerFrame frame;
  auto* welcome = frame.mutable_welcome();
  welcome->mutable_version()->set_major(1);
  welcome->mutable_version()->set_minor(3);
  welcome->add_capabilities(v1::CAPABILITY_FORWARDED);
  welcome->mutable_limits()->set_chunk_bytes(1000);
  welcome->set_attachment_token("0123456789abcdef");
  welcome->set_resumed(true);
  welcome->set_startups(4);
  welcome->set_daemon_version("wspd");
  const Recorder got = Decode(frame);
  EXPECT_EQ(got.welcome.major, 1u);
  EXPECT_EQ(got.welcome.minor, 3u);
  EXPECT_EQ(got.welcome.limits.chunk_bytes, 1000u);
  EXPECT_EQ(got.token, "0123456789abcdef");
  EXPECT_TRUE(got.welcome.resumed);
  EXPECT_EQ(got.welcome.startups, 4u);
  EXPECT_FALSE(got.welcome.relays);
  EXPECT_FALSE(got.welcome.lends);
  EXPECT_FALSE(got.welcome.takes_farewell);
}

TEST(ServerFrameTest, WelcomeSaysWhetherFarewellsAreTaken) {
  v1::ServerFrame frame;
  frame.mutable_welcome()->add_capabilities(v1::CAPABILITY_FAREWELL);
  EXPECT_TRUE(Decode(frame).welcome.takes_farewell);
}

TEST(ServerFrameTest, WelcomeSaysWhichPlanesAreInForce) {
  v1::ServerFrame frame;
  frame.mutable_welcome()->add_capabilities(v1::CAPABILITY_LENT);
  EXPECT_TRUE(Decode(frame).welcome.lends);
  EXPECT_FALSE(Decode(frame).welcome.relays);
  frame.mutable_welcome()->add_capabilities(v1::CAPABILITY_RELAYED);
  EXPECT_TRUE(Decode(frame).welcome.lends);
  EXPECT_TRUE(Decode(frame).welcome.relays);
}

TEST(ServerFrameTest, ReceiveOfARecalledSocket) {
  v1::ServerFrame frame;
  auto* completion = frame.add_completions();
  completion->mutable_recv()->set_recalled(true);
  EXPECT_TRUE(Decode(frame).completion.recalled);
}

TEST(ServerFrameTest, LentSocket) {
  v1::ServerFrame frame;
  auto* completion = frame.add_completions();
  completion->mutable_lend_socket()->set_cookie(7);
  EXPECT_EQ(Decode(frame).completion.cookie, 7u);
}

TEST(ServerFrameTest, ReceivedData) {
  v1::ServerFrame frame;
  auto* completion = frame.add_completions();
  completion->set_call_id(~0ull);
  completion->set_sequence(12);
  completion->mutable_recv()->set_stream_offset(99);
  completion->mutable_recv()->set_data("payload");
  const Recorder got = Decode(frame);
  EXPECT_EQ(got.completion.call_id, ~0ull);
  EXPECT_EQ(got.completion.sequence, 12u);
  EXPECT_EQ(got.completion.stream_offset, 99u);
  EXPECT_EQ(got.completion.result,
            static_cast<uint32_t>(v1::Completion::kRecv));
  EXPECT_EQ(got.data, "payload");
}

TEST(ServerFrameTest, AcceptedAddresses) {
  v1::ServerFrame frame;
  auto* accept = frame.add_completions()->mutable_accept();
  accept->mutable_peer()->mutable_ipv4()->set_address(0x01020304);
  accept->mutable_peer()->mutable_ipv4()->set_port(9);
  accept->mutable_local()->mutable_ipv6()->set_address(std::string(16, 7));
  accept->set_offer_id(5);
  const Recorder got = Decode(frame);
  EXPECT_EQ(got.completion.peer.family, Address::kIpv4);
  EXPECT_EQ(got.completion.peer.bytes[0], 1);
  EXPECT_EQ(got.completion.peer.bytes[3], 4);
  EXPECT_EQ(got.completion.peer.port, 9);
  EXPECT_EQ(got.completion.local.family, Address::kIpv6);
  EXPECT_EQ(got.completion.local.bytes[15], 7);
  EXPECT_EQ(got.completion.offer_id, 5u);
}

TEST(ServerFrameTest, OtherResults) {
  v1::ServerFrame frame;
  auto* cleanup = frame.add_completions()->mutable_cleanup();
  cleanup->set_startups(3);
  cleanup->set_final(true);
  EXPECT_TRUE(Decode(frame).completion.final);
  EXPECT_EQ(Decode(frame).completion.startups, 3u);

  frame.Clear();
  auto* linger = frame.add_completions()
                     ->mutable_get_sock_opt()
                     ->mutable_value()
                     ->mutable_linger();
  linger->set_on(true);
  linger->set_seconds(30);
  EXPECT_TRUE(Decode(frame).completion.linger_on);
  EXPECT_EQ(Decode(frame).completion.linger_seconds, 30u);

  frame.Clear();
  frame.add_events()->mutable_registration_ended()->set_reason(
      v1::RegistrationEnded::REASON_DISCONNECTED);
  EXPECT_EQ(Decode(frame).reason, 2u);
}

TEST(ServerFrameTest, DuplicatesAndWhatTheyBring) {
  v1::ServerFrame frame;
  frame.add_completions()->mutable_duplicate_socket()->set_ticket(0xfffffffe);
  EXPECT_EQ(Decode(frame).completion.number, 0xfffffffeu);
  auto* socket = frame.add_completions()->mutable_socket();
  socket->set_flags(0x81);
  socket->set_nonblocking(true);
  const Recorder recorder = Decode(frame);
  EXPECT_EQ(recorder.completions, 2);
  EXPECT_EQ(recorder.completion.flags, 0x81u);
  EXPECT_TRUE(recorder.completion.nonblocking);
}

TEST(ServerFrameTest, LookupsAreHandedOnWholeAndDecodedByThemselves) {
  v1::ServerFrame frame;
  auto* lookup = frame.add_completions()->mutable_lookup();
  lookup->set_canonical_name("c");
  lookup->add_aliases("a");
  auto* address = lookup->add_addresses();
  address->mutable_address()->mutable_ipv4()->set_port(80);
  address->set_type(v1::SocketRequest::TYPE_STREAM);
  lookup->add_addresses()->set_type(v1::SocketRequest::TYPE_STREAM);
  auto* service = lookup->add_services();
  service->set_name("s");
  service->set_port(53);
  service->set_type(v1::SocketRequest::TYPE_DATAGRAM);
  service->add_aliases("t");
  const Recorder recorder = Decode(frame);
  LookupReply reply;
  ASSERT_TRUE(DecodeLookupReply(View(recorder.data), &reply));
  EXPECT_EQ(reply.canonical_name, ByteBuffer{'c'});
  ASSERT_EQ(reply.aliases.size(), 1u);
  ASSERT_EQ(reply.addresses.size(), 1u) << "one is of no family";
  EXPECT_EQ(reply.addresses[0].address.family, Address::kIpv4);
  EXPECT_EQ(reply.addresses[0].address.port, 80);
  EXPECT_EQ(reply.addresses[0].type, v1::SocketRequest::TYPE_STREAM);
  ASSERT_EQ(reply.services.size(), 1u);
  EXPECT_EQ(reply.services[0].name, ByteBuffer{'s'});
  EXPECT_EQ(reply.services[0].port, 53);
  EXPECT_EQ(reply.services[0].aliases, std::vector<ByteBuffer>{{'t'}});
  service->set_port(65536);
  EXPECT_FALSE(DecodeLookupReply(View(Decode(frame).data), &reply));
}

Address PortedAddress(const void* first, size_t index) {
  Address address;
  address.family = Address::kIpv4;
  address.port =
      static_cast<uint16_t>(*static_cast<const uint16_t*>(first) + index);
  return address;
}

TEST(RequestsTest, IoctlsHaveNumbersBytesAndAddresses) {
  const std::string input = "abc";
  const uint16_t first = 5;
  IoctlParams params;
  params.code = 0x98000004;
  params.number = 7;
  params.input = View(input);
  params.address.family = Address::kIpv6;
  params.addresses = &first;
  params.address_count = 2;
  params.address_at = &PortedAddress;
  ByteBuffer bytes;
  AppendIoctl(&bytes, params);
  const v1::IoctlRequest request = Parse<v1::Call>(bytes).ioctl();
  EXPECT_EQ(request.code(), 0x98000004u);
  EXPECT_EQ(request.number(), 7u);
  EXPECT_EQ(request.input(), "abc");
  EXPECT_TRUE(request.address().has_ipv6());
  ASSERT_EQ(request.addresses_size(), 2);
  EXPECT_EQ(request.addresses(1).ipv4().port(), 6u);
}

TEST(ServerFrameTest, ListsOfIoctlsAreHandedOnWholeAndDecodedByThemselves) {
  v1::ServerFrame frame;
  auto* ioctl = frame.add_completions()->mutable_ioctl();
  ioctl->set_number(3);
  ioctl->set_output("out");
  EXPECT_EQ(Decode(frame).data, "out");
  EXPECT_EQ(Decode(frame).completion.number, 3u);
  ioctl->add_addresses()->mutable_ipv4()->set_address(0x7f000001);
  auto* interface = ioctl->add_interfaces();
  interface->set_flags(5);
  interface->mutable_address()->mutable_ipv4()->set_address(1);
  interface->mutable_netmask()->mutable_ipv4()->set_address(2);
  for (uint32_t number : {0u, 300u, 0xffffffffu}) ioctl->add_order(number);
  const Recorder recorder = Decode(frame);
  IoctlLists lists;
  ASSERT_TRUE(DecodeIoctlLists(View(recorder.data), &lists));
  ASSERT_EQ(lists.addresses.size(), 1u);
  EXPECT_EQ(lists.addresses[0].bytes[0], 127);
  ASSERT_EQ(lists.interfaces.size(), 1u);
  EXPECT_EQ(lists.interfaces[0].flags, 5u);
  EXPECT_EQ(lists.interfaces[0].address.bytes[3], 1);
  EXPECT_EQ(lists.interfaces[0].netmask.bytes[3], 2);
  EXPECT_EQ(lists.interfaces[0].broadcast.family, Address::kNone);
  EXPECT_EQ(lists.order, (std::vector<uint32_t>{0, 300, 0xffffffff}));
  interface->mutable_broadcast()->mutable_ipv4()->set_port(65536);
  EXPECT_FALSE(DecodeIoctlLists(View(Decode(frame).data), &lists));
  // A number that doesn't end.
  EXPECT_FALSE(DecodeIoctlLists(View("\x2a\x01\x80"), &lists));
}

TEST(ServerFrameTest, UnknownFieldsAreSkipped) {
  v1::ServerFrame frame;
  frame.add_completions()->set_call_id(1);
  std::string bytes = frame.SerializeAsString();
  // Field 1000: a varint, a fixed64, a string, a fixed32.
  for (const std::string& unknown :
       {std::string("\xc0\x3e\x05"), std::string("\xc1\x3e") + "12345678",
        std::string("\xc2\x3e\x02") + "ab", std::string("\xc5\x3e") + "1234"}) {
    Recorder recorder;
    EXPECT_TRUE(DecodeServerFrame(View(unknown + bytes), &recorder));
    EXPECT_EQ(recorder.completions, 1);
  }
}

TEST(ServerFrameTest, RefusesPortsAndAddressesThatDoNotExist) {
  v1::ServerFrame frame;
  auto* local = frame.add_completions()->mutable_bind()->mutable_local();
  Recorder recorder;
  local->mutable_ipv4()->set_port(65536);
  EXPECT_FALSE(DecodeServerFrame(View(frame.SerializeAsString()), &recorder));
  local->mutable_ipv6()->set_address("short");
  EXPECT_FALSE(DecodeServerFrame(View(frame.SerializeAsString()), &recorder));
}

// Any bytes: no crash, and nothing outside the frame is read (the sanitizer
// builds see to that).
TEST(ServerFrameTest, SurvivesMutatedFrames) {
  v1::ServerFrame frame;
  auto* completion = frame.add_completions();
  completion->set_call_id(77);
  completion->mutable_accept()->mutable_peer()->mutable_ipv6()->set_address(
      std::string(16, 1));
  frame.mutable_welcome()->set_attachment_token(std::string(16, 2));
  frame.add_events()->mutable_network_event()->add_errors(300);
  const std::string good = frame.SerializeAsString();
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = good;
    for (int j = 0; j < 3; ++j) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    bytes.resize(random() % (bytes.size() + 1));
    // On the heap and exactly as long, for AddressSanitizer.
    const ByteBuffer copy(bytes.begin(), bytes.end());
    Recorder recorder;
    DecodeServerFrame({copy.data(), copy.size()}, &recorder);
  }
}

}  // namespace
}  // namespace wsp

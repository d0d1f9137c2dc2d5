#include "daemon/session/testing/session_client.h"

#include <sys/socket.h>

#include <utility>

#include "daemon/testing/tcp_pair.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

void SetLoopback(wsp::v1::SocketAddress* address, int port) {
  address->mutable_ipv4()->set_address(0x7f000001);
  address->mutable_ipv4()->set_port(static_cast<uint32_t>(port));
}

}  // namespace

SessionClient::SessionClient(SessionHarness* harness)
    : harness_(harness), attached_(harness->Attach()) {
  Add(0)->mutable_startup()->set_version_requested(0x0202);
  EXPECT_EQ(Run().wsa_error(), 0);
}

// ------------------------------------------------------------------- frames

wsp::v1::Call* SessionClient::Add(uint64_t socket_id) {
  wsp::v1::Call* call = frame_.add_calls();
  call->set_call_id(next_call_++);
  call->set_socket_id(socket_id);
  return call;
}

uint64_t SessionClient::Send() {
  const uint64_t last = frame_.calls(frame_.calls_size() - 1).call_id();
  const absl::Status status = SessionHarness::Send(attached_, frame_);
  EXPECT_TRUE(status.ok()) << status;
  frame_.Clear();
  return last;
}

void SessionClient::TakeFrame() {
  const wsp::v1::ServerFrame frame = attached_.stream->NextFrame();
  attached_.attachment->OnWritten(attached_.stream.get());
  for (const wsp::v1::Completion& completion : frame.completions()) {
    if (completion.pending()) continue;
    order_.push_back(completion.call_id());
    results_.emplace(completion.call_id(), completion);
  }
  for (const wsp::v1::Event& event : frame.events()) {
    if (!event.has_network_event()) continue;
    order_.push_back(0);
    notices_.push_back(event.network_event());
  }
}

wsp::v1::Completion SessionClient::Await(uint64_t call_id) {
  while (results_.count(call_id) == 0) TakeFrame();
  return results_[call_id];
}

bool SessionClient::Has(uint64_t call_id) {
  harness_->DrainLoop();
  while (attached_.stream->HasFrame()) TakeFrame();
  return results_.count(call_id) > 0;
}

wsp::v1::NetworkEvent SessionClient::AwaitNotice() {
  while (notices_.empty()) TakeFrame();
  wsp::v1::NetworkEvent notice = std::move(notices_.front());
  notices_.pop_front();
  return notice;
}

bool SessionClient::HasNotice() {
  harness_->DrainLoop();
  while (attached_.stream->HasFrame()) TakeFrame();
  return !notices_.empty();
}

void SessionClient::Resume(uint64_t ack_sequence) {
  attached_.stream = harness_->Resume(attached_, ack_sequence);
  notices_.clear();
  results_.clear();
  order_.clear();
}

// ------------------------------------------------------------------ sockets

void SessionClient::MakeSocket(uint64_t socket_id,
                               wsp::v1::SocketRequest::Type type) {
  auto* request = Add(socket_id)->mutable_socket();
  request->set_family(wsp::v1::SocketRequest::FAMILY_IPV4);
  request->set_type(type);
  EXPECT_EQ(Run().wsa_error(), 0);
}

int SessionClient::Bind(uint64_t socket_id) {
  SetLoopback(Add(socket_id)->mutable_bind()->mutable_address(), 0);
  const wsp::v1::Completion result = Run();
  EXPECT_EQ(result.wsa_error(), 0);
  return static_cast<int>(result.bind().local().ipv4().port());
}

uint32_t SessionClient::Connect(uint64_t socket_id, int port) {
  SetLoopback(Add(socket_id)->mutable_connect()->mutable_address(), port);
  return Run().wsa_error();
}

OwnedFd SessionClient::MakeConnected(uint64_t socket_id) {
  const TcpListener listener = ListenOnLoopback();
  MakeSocket(socket_id);
  EXPECT_EQ(Connect(socket_id, listener.port), 0);
  return OwnedFd(accept(listener.fd.get(), nullptr, nullptr));
}

int SessionClient::MakeListener(uint64_t socket_id) {
  MakeSocket(socket_id);
  const int port = Bind(socket_id);
  Add(socket_id)->mutable_listen()->set_backlog(16);
  EXPECT_EQ(Run().wsa_error(), 0);
  return port;
}

uint32_t SessionClient::EventSelect(uint64_t socket_id, uint32_t network_events,
                                    uint64_t registration) {
  auto* request = Add(socket_id)->mutable_event_select();
  request->set_network_events(network_events);
  request->set_registration(registration);
  return Run().wsa_error();
}

uint32_t SessionClient::AsyncSelect(uint64_t socket_id, uint32_t network_events,
                                    uint64_t registration) {
  auto* request = Add(socket_id)->mutable_async_select();
  request->set_network_events(network_events);
  request->set_registration(registration);
  return Run().wsa_error();
}

wsp::v1::EnumNetworkEventsResult SessionClient::Enum(uint64_t socket_id) {
  Add(socket_id)->mutable_enum_network_events();
  const wsp::v1::Completion result = Run();
  EXPECT_EQ(result.wsa_error(), 0);
  return result.enum_network_events();
}

uint32_t SessionClient::Receive(uint64_t socket_id, uint32_t max_bytes,
                                uint32_t flags) {
  auto* request = Add(socket_id)->mutable_recv();
  request->set_max_bytes(max_bytes);
  request->set_flags(flags);
  return Run().wsa_error();
}

uint32_t SessionClient::Close(uint64_t socket_id) {
  Add(socket_id)->mutable_close_socket();
  return Run().wsa_error();
}

}  // namespace wspd

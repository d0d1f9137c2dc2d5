#include "tests/lifecycle/pending_call.h"

#include <cstring>

#include "client_stub/spi_client/apc.h"
#include "gtest/gtest.h"
#include "tests/testing/silent_host.h"
#include "tests/testing/wait_until.h"
// After the Winsock headers.
#include <ws2tcpip.h>

namespace wspd::testing {
namespace {

// More than small buffers hold, both sides' together.
constexpr size_t kTooMuch = 1 << 20;
constexpr size_t kDatagram = 1000;
constexpr DWORD kRecord = sizeof(sockaddr_in6) + 16;
constexpr DWORD kFirstData = 10;
constexpr ULONG_PTR kKey = 7;

SocketAddress SilentHostsName(Family family) {
  SocketAddress name({family, SilentHost::kPort});
  if (family == Family::kIpv4) {
    std::memcpy(&reinterpret_cast<sockaddr_in*>(name.get())->sin_addr,
                SilentHost::kIpv4, sizeof(SilentHost::kIpv4));
  } else {
    std::memcpy(&reinterpret_cast<sockaddr_in6*>(name.get())->sin6_addr,
                SilentHost::kIpv6, sizeof(SilentHost::kIpv6));
  }
  return name;
}

}  // namespace

PendingCall::PendingCall(Spi* spi, Waiting waiting, Family family,
                         Telling telling)
    : spi_(spi), waiting_(waiting), family_(family), telling_(telling) {
  if (telling == Telling::kEvent) transfer_.overlapped.hEvent = event_.get();
}

void CALLBACK PendingCall::CountRoutine(DWORD error, DWORD,
                                        LPWSAOVERLAPPED overlapped, DWORD) {
  auto* const transfer = static_cast<Transfer*>(Operation::Of(overlapped));
  ++transfer->routines;
  transfer->routine_error = error;
}

// ----------------------------------------------------------------- preparation

void PendingCall::Prepare(const Endpoint& peer) {
  MakeSockets(peer);
  if (telling_ == Telling::kPacket) {
    ASSERT_TRUE(port_.Bind(socket_, kKey));
  }
}

void PendingCall::MakeSockets(const Endpoint& peer) {
  switch (waiting_) {
    case Waiting::kRecv:
      ASSERT_EQ(spi_->ConnectNew(peer, &socket_), kOk);
      break;
    case Waiting::kRecvFrom:
      ASSERT_EQ(spi_->DatagramSocket(&socket_, family_), kOk);
      ASSERT_EQ(spi_->Bind(socket_, {family_, 0}), kOk);
      ASSERT_EQ(spi_->GetSockName(socket_, &own_), kOk);
      break;
    case Waiting::kSend:
      ASSERT_EQ(spi_->ConnectNew(peer, &socket_), kOk);
      PrepareSend();
      break;
    case Waiting::kSendTo:
      PrepareSendTo();
      break;
    case Waiting::kIoctl:
      ASSERT_EQ(spi_->Socket(&socket_, family_), kOk);
      break;
    case Waiting::kAcceptEx:
    case Waiting::kAcceptExData:
      PrepareAccept();
      break;
    case Waiting::kConnectEx:
    case Waiting::kConnectExData:
      PrepareConnect(peer);
      break;
  }
}

void PendingCall::PrepareSend() {
  ASSERT_EQ(spi_->SetOption(socket_, SOL_SOCKET, SO_SNDBUF, 16384), kOk);
  ASSERT_EQ(spi_->SetNonBlocking(socket_, true), kOk);
  const std::string data(65536, kFillingByte);
  WsaCode code = kOk;
  while (code.ok()) code = spi_->Send(socket_, data);
  ASSERT_EQ(code, WsaCode{WSAEWOULDBLOCK});
  ASSERT_EQ(spi_->SetNonBlocking(socket_, false), kOk);
  transfer_.buffer = std::string(kTooMuch, kPendingByte);
}

void PendingCall::PrepareSendTo() {
  ASSERT_EQ(spi_->DatagramSocket(&socket_, family_), kOk);
  ASSERT_EQ(spi_->SetOption(socket_, SOL_SOCKET, SO_SNDBUF, 4096), kOk);
  ASSERT_EQ(spi_->SetNonBlocking(socket_, true), kOk);
  name_ = SilentHostsName(family_);
  std::string data(kDatagram, kFillingByte);
  WSABUF buffer = {kDatagram, &data[0]};
  int result = 0;
  int error = 0;
  for (int i = 0; i < 1000 && result == 0; ++i) {
    DWORD count = 0;
    result = spi_->table().lpWSPSendTo(socket_, &buffer, 1, &count, 0,
                                       name_.get(), name_.length, nullptr,
                                       nullptr, nullptr, &error);
  }
  ASSERT_EQ(WsaCode{error}, WsaCode{WSAEWOULDBLOCK});
  ASSERT_EQ(spi_->SetNonBlocking(socket_, false), kOk);
  transfer_.buffer = std::string(kDatagram, kPendingByte);
}

void PendingCall::PrepareAccept() {
  ASSERT_EQ(spi_->Socket(&socket_, family_,
                         blocks() ? 0 : DWORD{WSA_FLAG_OVERLAPPED}),
            kOk);
  ASSERT_EQ(spi_->Bind(socket_, {family_, 0}), kOk);
  ASSERT_EQ(spi_->Listen(socket_), kOk);
  ASSERT_EQ(spi_->GetSockName(socket_, &own_), kOk);
  ASSERT_EQ(spi_->Socket(&accepting_, family_), kOk);
  transfer_.buffer = std::string(kFirstData + 2 * kRecord, '-');
}

void PendingCall::PrepareConnect(const Endpoint& peer) {
  ASSERT_EQ(spi_->Socket(&socket_, family_,
                         blocks() ? 0 : DWORD{WSA_FLAG_OVERLAPPED}),
            kOk);
  ASSERT_EQ(spi_->Bind(socket_, {family_, 0}), kOk);
  name_ = SocketAddress(peer);
  if (waiting_ == Waiting::kConnectExData) {
    ASSERT_EQ(spi_->SetOption(socket_, SOL_SOCKET, SO_SNDBUF, 16384), kOk);
    transfer_.buffer = std::string(kTooMuch, kPendingByte);
  }
}

// -------------------------------------------------------------------- the call

WsaCode PendingCall::Call() {
  if (waiting_ == Waiting::kAcceptEx || waiting_ == Waiting::kAcceptExData) {
    return CallAcceptEx();
  }
  if (IsExtension(waiting_)) return CallConnectEx();
  return CallTransfer(
      blocks() ? nullptr : &transfer_.overlapped,
      telling_ == Telling::kRoutine ? &PendingCall::CountRoutine : nullptr);
}

WsaCode PendingCall::CallTransfer(LPWSAOVERLAPPED overlapped,
                                  LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
  const bool sends = waiting_ == Waiting::kSend || waiting_ == Waiting::kSendTo;
  if (!sends) transfer_.buffer.resize(kFirstData);
  transfer_.wsabuf = {static_cast<ULONG>(transfer_.buffer.size()),
                      &transfer_.buffer[0]};
  const WSPPROC_TABLE& table = spi_->table();
  WSATHREADID thread = spi_client::CurrentThreadId();
  DWORD count = 0;
  int error = 0;
  int result = 0;
  switch (waiting_) {
    case Waiting::kRecv:
      result = table.lpWSPRecv(socket_, &transfer_.wsabuf, 1, &count,
                               &transfer_.flags, overlapped, routine, &thread,
                               &error);
      break;
    case Waiting::kRecvFrom:
      result = table.lpWSPRecvFrom(socket_, &transfer_.wsabuf, 1, &count,
                                   &transfer_.flags, name_.get(), &name_.length,
                                   overlapped, routine, &thread, &error);
      break;
    case Waiting::kSend:
      result = table.lpWSPSend(socket_, &transfer_.wsabuf, 1, &count, 0,
                               overlapped, routine, &thread, &error);
      break;
    case Waiting::kSendTo:
      result = table.lpWSPSendTo(socket_, &transfer_.wsabuf, 1, &count, 0,
                                 name_.get(), name_.length, overlapped, routine,
                                 &thread, &error);
      break;
    default:
      result = table.lpWSPIoctl(socket_, SIO_ADDRESS_LIST_CHANGE, nullptr, 0,
                                nullptr, 0, &count, overlapped, routine,
                                &thread, &error);
  }
  if (result == 0) return kOk;
  return error == 0 ? kNoErrorGiven : WsaCode{error};
}

WsaCode PendingCall::CallAcceptEx() {
  const auto accept =
      GetExtension<LPFN_ACCEPTEX>(*spi_, socket_, WSAID_ACCEPTEX);
  DWORD received = 0;
  return CodeOfBool(accept(socket_, accepting_, &transfer_.buffer[0],
                           waiting_ == Waiting::kAcceptExData ? kFirstData : 0,
                           kRecord, kRecord, blocks() ? &received : nullptr,
                           &transfer_.overlapped));
}

WsaCode PendingCall::CallConnectEx() {
  const auto connect =
      GetExtension<LPFN_CONNECTEX>(*spi_, socket_, WSAID_CONNECTEX);
  DWORD sent = 0;
  const auto size = static_cast<DWORD>(transfer_.buffer.size());
  return CodeOfBool(connect(socket_, name_.get(), name_.length,
                            size == 0 ? nullptr : &transfer_.buffer[0], size,
                            blocks() ? &sent : nullptr, &transfer_.overlapped));
}

int PendingCall::TakePackets() {
  spi_client::CompletionPacket packet;
  while (port_.Take(&packet, 0)) {
    EXPECT_EQ(packet.key, kKey);
    EXPECT_EQ(packet.overlapped, &transfer_.overlapped);
    packet_error_ = packet.error;
    ++packets_;
  }
  return packets_;
}

void PendingCall::AwaitMet() {
  if (waiting_ != Waiting::kAcceptExData) return;
  EXPECT_TRUE(WaitUntil([&] {
    int seconds = -1;
    EXPECT_EQ(
        spi_->GetOption(accepting_, SOL_SOCKET, SO_CONNECT_TIME, &seconds),
        kOk);
    return seconds >= 0;
  }));
}

}  // namespace wspd::testing

#include "tests/lifecycle/pending_peers.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/testing/network_namespace.h"

namespace wspd::testing {
namespace {

constexpr size_t kGulp = 1 << 20;

PeerListener::Options OptionsFor(Waiting waiting, Family family) {
  PeerListener::Options options;
  options.family = family;
  if (waiting == Waiting::kConnectEx) options.backlog = 0;
  if (waiting == Waiting::kSend || waiting == Waiting::kConnectExData) {
    options.receive_buffer = 4096;
  }
  return options;
}

}  // namespace

PendingPeers::PendingPeers(Waiting waiting, Family family)
    : waiting_(waiting),
      family_(family),
      listener_(OptionsFor(waiting, family)),
      datagrams_(family) {
  if (waiting == Waiting::kConnectEx) listener_.FillBacklog();
  if (waiting == Waiting::kSendTo) {
    host_ = std::make_unique<SilentHost>(family);
  }
}

void PendingPeers::Meet(const Endpoint& own) {
  owns_.push_back(own);
  if (waiting_ == Waiting::kRecv || waiting_ == Waiting::kSend) {
    connections_.push_back(listener_.Accept());
    EXPECT_TRUE(connections_.back().is_open());
  }
}

void PendingPeers::MeetCall(const Endpoint& own) {
  if (waiting_ == Waiting::kAcceptExData) {
    connections_.push_back(PeerSocket::ConnectTo(own));
    EXPECT_TRUE(connections_.back().is_open());
  } else if (waiting_ == Waiting::kConnectExData) {
    connections_.push_back(listener_.Accept());
    EXPECT_EQ(connections_.back().Read(1).size(), 1u);
  }
}

void PendingPeers::Proceed() {
  if (!proceeded_) ProceedOnce();
  proceeded_ = true;
  if (waiting_ == Waiting::kSend || waiting_ == Waiting::kConnectExData) {
    for (PeerSocket& connection : connections_) {
      connection.ReadWhatIsThere(kGulp);
    }
  } else if (waiting_ == Waiting::kConnectEx) {
    for (;;) {
      PeerSocket connection = listener_.Accept(milliseconds(0));
      if (!connection.is_open()) break;
      connections_.push_back(std::move(connection));
    }
  }
}

void PendingPeers::ProceedOnce() {
  switch (waiting_) {
    case Waiting::kRecv:
    case Waiting::kAcceptExData:
      for (PeerSocket& connection : connections_) {
        EXPECT_TRUE(connection.Write("data"));
      }
      break;
    case Waiting::kRecvFrom:
      for (const Endpoint& own : owns_) {
        EXPECT_TRUE(datagrams_.Send("data", own));
      }
      break;
    case Waiting::kSendTo:
      host_->Appear();
      break;
    case Waiting::kIoctl:
      EXPECT_TRUE(Ip(family_ == Family::kIpv4
                         ? "addr add 192.0.2.2/24 dev v0"
                         : "addr add 2001:db8::2/64 dev v0 nodad"));
      break;
    case Waiting::kAcceptEx:
      for (const Endpoint& own : owns_) {
        connections_.push_back(PeerSocket::ConnectTo(own));
        EXPECT_TRUE(connections_.back().is_open());
      }
      break;
    default:
      break;
  }
}

void PendingPeers::ExpectGone() {
  for (PeerSocket& connection : connections_) {
    EXPECT_EQ(connection.WaitForEnd(), Ending::kReset);
  }
  int error = 0;
  switch (waiting_) {
    case Waiting::kRecvFrom:
    case Waiting::kIoctl:
      ProceedOnce();
      break;
    case Waiting::kSendTo:
      host_->Appear();
      // What the provider had taken goes out, and nothing of the calls.
      for (const std::string& datagram : host_->TakeDatagrams()) {
        EXPECT_EQ(datagram.front(), kFillingByte);
      }
      break;
    case Waiting::kAcceptEx:
    case Waiting::kAcceptExData:
      for (const Endpoint& own : owns_) {
        EXPECT_FALSE(PeerSocket::ConnectTo(own, &error).is_open());
      }
      break;
    default:
      break;
  }
}

}  // namespace wspd::testing

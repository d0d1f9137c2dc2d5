#include "tests/stress/peer_connection.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>

#include "tests/testing/pattern.h"

namespace wspd::testing {
namespace {

constexpr size_t kMostAtOnce = 64 << 10;
constexpr uint64_t kMostToGive = 512 << 10;
constexpr uint64_t kMostPauseUs = 20000;

}  // namespace

PeerConnection::PeerConnection(OwnedFd fd, Ledger* ledger, uint64_t seed)
    : fd_(std::move(fd)), ledger_(ledger), random_(seed) {
  to_give_ = kMostToGive >> (random_() % 10);
  to_give_ = random_() % to_give_;
  if (random_() % 32 == 0) reset_at_ = random_() % (to_give_ + 1);
  dawdles_ = random_() % 4 == 0;
}

PeerConnection::PeerConnection(OwnedFd fd, Ledger* ledger, uint64_t seed,
                               uint32_t record)
    : PeerConnection(std::move(fd), ledger, seed) {
  connecting_ = true;
  record_ = record;
}

void PeerConnection::OnReady() {
  readable_ = true;
  writable_ = true;
}

uint16_t PeerConnection::TakeCallBack(uint32_t* record) {
  if (call_back_port_ == 0) return 0;
  *record = record_;
  record_ = 0;
  return std::exchange(call_back_port_, 0);
}

size_t PeerConnection::PieceSize() {
  return 1 + random_() % (kMostAtOnce >> (random_() % 8));
}

Clock::time_point PeerConnection::AfterPause() {
  if (!dawdles_ || ledger_->hurries() || random_() % 4 != 0) return {};
  return Clock::now() + std::chrono::microseconds(random_() % kMostPauseUs);
}

void PeerConnection::Meet(uint32_t record) {
  record_ = record;
  this->record().peer_met = true;
}

void PeerConnection::End(PeerEnd end) {
  if (record_ != 0 && !connecting_ && record().peer_end == PeerEnd::kNone) {
    record().peer_end = end;
  }
  read_all_ = true;
  if (end == PeerEnd::kReset) over_ = true;
}

bool PeerConnection::FinishConnecting() {
  if (!writable_) return false;
  int error = 0;
  socklen_t length = sizeof(error);
  getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  const std::string hello = Hello{record_}.ToBytes();
  // It fits into the buffer of a new connection.
  if (error != 0 ||
      send(fd_.get(), hello.data(), hello.size(), MSG_NOSIGNAL) < 0) {
    // The kernel may announce a socket before its connect has been answered.
    if (error == 0 && (errno == ENOTCONN || errno == EAGAIN)) {
      writable_ = false;
      return false;
    }
    over_ = true;
    return false;
  }
  connecting_ = false;
  Meet(record_);
  return true;
}

void PeerConnection::ReadHello() {
  char bytes[sizeof(Hello)];
  const ssize_t count =
      recv(fd_.get(), bytes, sizeof(bytes) - hello_.size(), 0);
  if (count < 0 && errno == EAGAIN) {
    readable_ = false;
    return;
  }
  if (count <= 0) {  // of a process that was killed
    over_ = true;
    return;
  }
  hello_.append(bytes, static_cast<size_t>(count));
  if (hello_.size() < sizeof(Hello)) return;
  Hello hello;
  if (!Hello::Parse(hello_, &hello)) {
    ledger_->Fault(0, "what a client sent first is no hello");
    over_ = true;
  } else if (hello.call_back_port != 0) {
    record_ = hello.record;
    call_back_port_ = hello.call_back_port;
    over_ = true;
  } else {
    Meet(hello.record);
  }
}

void PeerConnection::Read() {
  std::string data(PieceSize(), '\0');
  const ssize_t count = recv(fd_.get(), &data[0], data.size(), 0);
  if (count < 0 && errno == EAGAIN) {
    readable_ = false;
    if (lost_) End(PeerEnd::kReset);
    return;
  }
  if (count <= 0) {
    End(count == 0 && !lost_ ? PeerEnd::kOrderly : PeerEnd::kReset);
    return;
  }
  data.resize(static_cast<size_t>(count));
  const std::string error = PatternError(data, got_, SeedToPeer(record_));
  if (!error.empty()) ledger_->Fault(record_, "at the peer: " + error);
  got_ += data.size();
  record().peer_got = got_;
  read_at_ = AfterPause();
}

void PeerConnection::Write() {
  if (given_ >= reset_at_) return Reset();
  if (given_ == to_give_) return ShutDown();
  const size_t size =
      std::min({uint64_t{PieceSize()}, to_give_ - given_, reset_at_ - given_});
  const std::string data = Pattern(given_, size, SeedFromPeer(record_));
  const ssize_t count = send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL);
  if (count < 0 && errno == EAGAIN) {
    writable_ = false;
    return;
  }
  if (count < 0) {
    // What came before the reset is still to be read.
    lost_ = true;
    written_all_ = true;
    readable_ = true;
    return;
  }
  given_ += static_cast<uint64_t>(count);
  record().peer_given = given_;
  write_at_ = AfterPause();
}

void PeerConnection::ShutDown() {
  record().peer_shut = true;
  written_all_ = true;
  shutdown(fd_.get(), SHUT_WR);
}

void PeerConnection::Reset() {
  record().peer_reset = true;
  ledger_->Add(Count::kPeerResets);
  const linger hard = {1, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  over_ = true;
}

Clock::time_point PeerConnection::Step() {
  if (connecting_ && !FinishConnecting()) return Clock::time_point::max();
  if (record_ == 0) {
    if (readable_) ReadHello();
    return record_ != 0 || readable_ ? Clock::time_point()
                                     : Clock::time_point::max();
  }
  const Clock::time_point now = Clock::now();
  if (readable_ && !read_all_ && read_at_ <= now) Read();
  if (!over_ && writable_ && !written_all_ && write_at_ <= now) Write();
  over_ = over_ || (read_all_ && written_all_);
  Clock::time_point next = Clock::time_point::max();
  if (readable_ && !read_all_) next = std::min(next, read_at_);
  if (writable_ && !written_all_) next = std::min(next, write_at_);
  return next;
}

}  // namespace wspd::testing

#ifndef WSPD_TESTS_STRESS_PEER_CONNECTION_H_
#define WSPD_TESTS_STRESS_PEER_CONNECTION_H_

#include <cstdint>
#include <random>
#include <string>

#include "tests/stress/ledger.h"
#include "tests/testing/owned_fd.h"
#include "tests/testing/wait_until.h"

namespace wspd::testing {

// A connection as its peer sees it. Never blocks. One thread.
class PeerConnection {
 public:
  // One that was accepted and begins with a hello from the client.
  PeerConnection(OwnedFd fd, Ledger* ledger, uint64_t seed);
  // One that is being made to a client, for `record`.
  PeerConnection(OwnedFd fd, Ledger* ledger, uint64_t seed, uint32_t record);

  int fd() const { return fd_.get(); }

  // The kernel says that reading or writing may have become possible.
  void OnReady();

  // Does a piece of what can be done now. When to call again by the clock;
  // Clock::time_point::max() if only OnReady can change something.
  Clock::time_point Step();

  // Nothing is left to do.
  bool over() const { return over_; }

  // The hello said that there should be a connection to this port of the
  // client instead, for this record. Once; 0 if not.
  uint16_t TakeCallBack(uint32_t* record);

 private:
  using Random = std::mt19937_64;

  ConnectionRecord& record() const { return ledger_->record(record_); }
  // A piece that is read or written at once.
  size_t PieceSize();
  Clock::time_point AfterPause();
  void Meet(uint32_t record);
  bool FinishConnecting();
  void ReadHello();
  void Read();
  void Write();
  void ShutDown();
  void Reset();
  void End(PeerEnd end);

  OwnedFd fd_;
  Ledger* const ledger_;
  Random random_;
  bool connecting_ = false;
  bool readable_ = false;
  bool writable_ = false;
  bool lost_ = false;  // by what a write said; reading may tell otherwise
  bool read_all_ = false;
  bool written_all_ = false;
  bool over_ = false;
  std::string hello_;  // as much of it as has come
  uint32_t record_ = 0;
  uint16_t call_back_port_ = 0;
  uint64_t got_ = 0;
  uint64_t given_ = 0;
  uint64_t to_give_ = 0;
  uint64_t reset_at_ = UINT64_MAX;  // of what is given
  bool dawdles_ = false;
  Clock::time_point read_at_{};
  Clock::time_point write_at_{};
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_PEER_CONNECTION_H_

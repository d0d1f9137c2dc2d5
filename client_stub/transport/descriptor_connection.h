#ifndef WSPD_CLIENT_STUB_TRANSPORT_DESCRIPTOR_CONNECTION_H_
#define WSPD_CLIENT_STUB_TRANSPORT_DESCRIPTOR_CONNECTION_H_

#include <cstdint>
#include <vector>

#include "client_stub/transport/wire_writer.h"

namespace wsp {

// The connection on which an attachment's descriptors come
// (proto/README.md, "Descriptors").
//
// Open() may be called anywhere; everything else is under the session lock.
class DescriptorConnection {
 public:
  DescriptorConnection() = default;
  ~DescriptorConnection() { Close(); }
  DescriptorConnection(const DescriptorConnection&) = delete;
  DescriptorConnection& operator=(const DescriptorConnection&) = delete;

  // Connects to the daemon at `path` and waits, for at most `timeout_ms`, until
  // it has tied the connection to the attachment of `token`. The system's
  // number for it; -1 on failure.
  static int Open(const char* path, ByteView token, int timeout_ms);

  // Takes over what Open() returned, for the attachment of `token`.
  void Adopt(int connection, ByteView token);
  void Close();
  bool is_open() const { return connection_ >= 0; }
  // Whether it is that attachment's.
  bool BelongsTo(ByteView token) const;

  // The descriptor that the call brought, whose result has come; the caller's
  // to close. -1 if there is none.
  int Take(uint64_t call_id);

 private:
  // That came for calls whose results are yet to come, or will be ignored.
  struct Waiting {
    uint64_t call_id;
    int descriptor;
  };
  static constexpr size_t kMostWaiting = 64;

  int connection_ = -1;
  ByteBuffer token_;
  std::vector<Waiting> waiting_;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_DESCRIPTOR_CONNECTION_H_

#ifndef WSPD_CLIENT_STUB_TRANSPORT_FAKE_DAEMON_H_
#define WSPD_CLIENT_STUB_TRANSPORT_FAKE_DAEMON_H_

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "client_stub/transport/grpc_deframer.h"
#include "client_stub/transport/raw_io.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wsp {

// One direction-pair of bytes in memory: what the client's RawIo writes, the
// server takes, and the other way round.
class FakePipe : public RawIo {
 public:
  Result Write(const ByteView* slices, size_t count) override;
  Result Read(uint8_t* buffer, size_t size) override;

  // At most this much is taken in one Write or given in one Read.
  size_t most_bytes = SIZE_MAX;
  // How much more Write takes before it blocks.
  size_t write_room = SIZE_MAX;
  bool broken = false;
  std::string to_server;
  std::string to_client;
};

// The server's end of an Attach stream, by nghttp2 and protobuf: what the stub
// sends is checked by code that it shares nothing with.
class FakeDaemon : private GrpcDeframer::Sink {
 public:
  explicit FakeDaemon(FakePipe* pipe);
  virtual ~FakeDaemon();

  // Handles what the client wrote.
  void Read();
  // Sends a frame.
  void Send(const v1::ServerFrame& frame);
  // Ends the stream with a gRPC status.
  void End(const std::string& status);

  // The frames received and not yet taken.
  std::deque<v1::ClientFrame> frames;
  bool saw_end = false;
  std::string path;
  std::string content_type;
  size_t largest_data_frame = 0;

 private:
  static ssize_t ReadData(nghttp2_session*, int32_t, uint8_t* buffer,
                          size_t length, uint32_t* flags, nghttp2_data_source*,
                          void* self);
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int OnChunk(nghttp2_session*, uint8_t, int32_t, const uint8_t* data,
                     size_t size, void* self);
  static int OnHeader(nghttp2_session*, const nghttp2_frame*,
                      const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t,
                      void* self);

  bool OnMessage(ByteView message) override;
  void Pump();

  FakePipe* const pipe_;
  GrpcDeframer deframer_;
  nghttp2_session* session_ = nullptr;
  int32_t stream_ = 0;
  std::string out_;
  bool ending_ = false;
  std::string status_;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_FAKE_DAEMON_H_

#ifndef WSPD_CLIENT_STUB_TRANSPORT_HTTP2_CLIENT_H_
#define WSPD_CLIENT_STUB_TRANSPORT_HTTP2_CLIENT_H_

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <vector>

#include "client_stub/transport/grpc_deframer.h"
#include "client_stub/transport/raw_io.h"
#include "client_stub/transport/wire_writer.h"

namespace wsp {

// A gRPC message to be sent: bytes of its own and payload that stays where it
// is, interleaved.
class OutgoingMessage {
 public:
  // Bytes that are appended here belong to the message.
  ByteBuffer* bytes() { return &bytes_; }

  // What is appended to bytes() from now on comes after `payload`, which has
  // to stay valid until the message is written (Http2Client::CopyPayload).
  void AddPayload(ByteView payload);

  void Clear();
  size_t size() const { return bytes_.size() + payload_bytes_; }
  size_t payload_bytes() const { return payload_bytes_; }

 private:
  friend class Http2Client;

  struct Payload {
    size_t at;  // behind how many of bytes_
    ByteView view;
    bool copied;  // the view is of a copy of ours
  };

  ByteBuffer bytes_;
  std::vector<Payload> payloads_;
  size_t payload_bytes_ = 0;
};

// One bidirectional gRPC call, /wsp.v1.Provider/Attach, on one HTTP/2
// connection. Never blocks; not thread-safe.
class Http2Client final : private GrpcDeframer::Sink {
 public:
  class Delegate {
   public:
    // Whether NextMessage would give something.
    virtual bool HasMessage() = 0;
    // Fills the empty `message` with what is to be sent next; false if nothing
    // is. Messages are numbered from 1 in the order of these calls.
    virtual bool NextMessage(OutgoingMessage* message) = 0;
    // The raw I/O took all of the messages up to `number`.
    virtual void OnMessagesWritten(uint64_t number) = 0;
    // False if the message is unacceptable, which breaks the connection.
    virtual bool OnMessage(ByteView message) = 0;

   protected:
    ~Delegate() = default;
  };

  // gRPC's status code of a stream that ended, or one of these.
  static constexpr int kNoStatus = -1;

  // Bytes that are read at a time, where bulk comes.
  static constexpr size_t kReadBytes = 256 << 10;

  // Both have to outlive this object.
  Http2Client(RawIo* io, Delegate* delegate, size_t read_bytes = kReadBytes);
  ~Http2Client();

  Http2Client(const Http2Client&) = delete;
  Http2Client& operator=(const Http2Client&) = delete;

  // Queues preface, settings and the request's headers.
  IoStatus Start();

  // Sends what there is to send. kBlocked: call again when writable.
  IoStatus Flush();

  // Reads and handles what there is, at most four times `read_bytes` in one go.
  // kDone: there may be more. kBlocked: nothing more for now.
  IoStatus Read();

  // Whether Flush has something to do.
  bool WantsWrite();

  // Ends the client's side of the stream behind what was queued.
  void FinishSending() { finishing_ = true; }

  // Copies the payload that is queued, so that its memory may go away. What was
  // copied before isn't copied again; copies go when they are written.
  void CopyPayload();
  // Bytes of such copies.
  size_t copied_bytes() const;

  // The status that ended the stream, kNoStatus while none came.
  int grpc_status() const { return grpc_status_; }

 private:
  struct OutPiece {
    const uint8_t* external;  // null: at `offset` in staged_
    size_t offset;
    size_t size;
    bool copied;  // `external` is a copy of ours
  };
  struct KeptCopy {
    uint64_t message;  // needed until this one is written
    ByteBuffer bytes;
  };

  static ssize_t ReadLength(nghttp2_session*, uint8_t, int32_t,
                            int32_t session_window, int32_t stream_window,
                            uint32_t max_frame, void*);
  static ssize_t ReadData(nghttp2_session*, int32_t, uint8_t*, size_t length,
                          uint32_t* flags, nghttp2_data_source*, void* self);
  static int SendData(nghttp2_session*, nghttp2_frame*,
                      const uint8_t* frame_header, size_t length,
                      nghttp2_data_source*, void* self);
  static int OnDataChunk(nghttp2_session*, uint8_t, int32_t stream,
                         const uint8_t* data, size_t size, void* self);
  static int OnFrameReceived(nghttp2_session*, const nghttp2_frame* frame,
                             void* self);
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame,
                      const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t,
                      void* self);
  static int OnStreamClosed(nghttp2_session*, int32_t stream, uint32_t,
                            void* self);

  bool OnMessage(ByteView message) override;

  bool CreateSession();
  bool SubmitRequest();
  bool Stage();
  IoStatus WriteStaged();
  void TakeOut(size_t written);
  void CountWritten();
  void DropCopies();
  void StageBytes(const uint8_t* data, size_t size);
  void StageMessage(size_t size);
  bool BeginMessage();

  RawIo* const io_;
  Delegate* const delegate_;
  GrpcDeframer deframer_;
  nghttp2_session* session_ = nullptr;
  int32_t stream_ = -1;
  bool deferred_ = false;
  bool finishing_ = false;
  bool ended_ = false;
  int grpc_status_ = kNoStatus;
  ByteBuffer read_buffer_;

  // The message that is being cut into DATA frames.
  OutgoingMessage message_;
  bool message_active_ = false;
  size_t message_sent_ = 0;  // of message_, all pieces together
  uint64_t messages_begun_ = 0;
  uint64_t messages_written_ = 0;

  // What was made ready for the raw I/O, from out_[out_next_] on.
  ByteBuffer staged_;
  std::vector<OutPiece> out_;
  size_t out_next_ = 0;
  size_t out_bytes_ = 0;
  size_t out_written_ = 0;  // of out_bytes_
  // Behind how many of out_bytes_ the messages end that end there, from
  // message_ends_[ends_next_] on those that aren't written yet.
  std::vector<size_t> message_ends_;
  size_t ends_next_ = 0;
  std::vector<KeptCopy> kept_copies_;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_HTTP2_CLIENT_H_

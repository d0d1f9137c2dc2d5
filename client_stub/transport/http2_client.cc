#include "client_stub/transport/http2_client.h"

#include <algorithm>
#include <cstring>

namespace wsp {
namespace {

constexpr int32_t kWindowBytes = 8 << 20;
constexpr uint32_t kMaxFrameBytes = 1 << 20;
constexpr size_t kMaxMessageBytes = 1 << 20;
// A chunk of payload with what goes around it.
constexpr size_t kBatchBytes = (64 << 10) + (4 << 10);
constexpr int kReadsInOneGo = 4;
constexpr size_t kGrpcPrefixBytes = 5;
constexpr size_t kFrameHeaderBytes = 9;
constexpr size_t kSlicesInOneWrite = 64;

// A failed or missing header as a status of ours; gRPC's UNKNOWN.
constexpr int kUnknownStatus = 2;

nghttp2_nv Header(const char* name, const char* value) {
  nghttp2_nv header;
  // The library's interface isn't const-correct; it copies both.
  header.name = reinterpret_cast<uint8_t*>(const_cast<char*>(name));
  header.value = reinterpret_cast<uint8_t*>(const_cast<char*>(value));
  header.namelen = std::strlen(name);
  header.valuelen = std::strlen(value);
  header.flags = NGHTTP2_NV_FLAG_NONE;
  return header;
}

bool Equals(const uint8_t* bytes, size_t size, const char* text) {
  return size == std::strlen(text) && std::memcmp(bytes, text, size) == 0;
}

int ParseStatus(const uint8_t* digits, size_t size) {
  if (size == 0 || size > 2) return kUnknownStatus;
  int status = 0;
  for (size_t i = 0; i < size; ++i) {
    if (digits[i] < '0' || digits[i] > '9') return kUnknownStatus;
    status = status * 10 + (digits[i] - '0');
  }
  return status;
}

}  // namespace

void OutgoingMessage::AddPayload(ByteView payload) {
  if (payload.size == 0) return;
  payloads_.push_back({bytes_.size(), payload, false});
  payload_bytes_ += payload.size;
}

void OutgoingMessage::Clear() {
  bytes_.clear();
  payloads_.clear();
  payload_bytes_ = 0;
}

Http2Client::Http2Client(RawIo* io, Delegate* delegate, size_t read_bytes)
    : io_(io), delegate_(delegate), deframer_(kMaxMessageBytes) {
  read_buffer_.resize(read_bytes);
}

Http2Client::~Http2Client() {
  if (session_ != nullptr) nghttp2_session_del(session_);
}

IoStatus Http2Client::Start() {
  if (!CreateSession() || !SubmitRequest()) return IoStatus::kBroken;
  return IoStatus::kDone;
}

bool Http2Client::CreateSession() {
  nghttp2_session_callbacks* callbacks;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return false;
  nghttp2_session_callbacks_set_send_data_callback(callbacks, SendData);
  nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks,
                                                                 ReadLength);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
                                                            OnDataChunk);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
                                                       OnFrameReceived);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
                                                         OnStreamClosed);
  const int error = nghttp2_session_client_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  return error == 0;
}

bool Http2Client::SubmitRequest() {
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindowBytes},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, kMaxFrameBytes},
  };
  if (nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings,
                              sizeof settings / sizeof settings[0]) != 0 ||
      nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                            kWindowBytes) != 0) {
    return false;
  }
  const nghttp2_nv headers[] = {
      Header(":method", "POST"),
      Header(":scheme", "http"),
      Header(":path", "/wsp.v1.Provider/Attach"),
      Header(":authority", "localhost"),
      Header("te", "trailers"),
      Header("content-type", "application/grpc"),
      Header("user-agent", "libwsp"),
  };
  nghttp2_data_provider data;
  data.source.ptr = this;
  data.read_callback = ReadData;
  stream_ = nghttp2_submit_request(session_, nullptr, headers,
                                   sizeof headers / sizeof headers[0], &data,
                                   nullptr);
  return stream_ > 0;
}

// ------------------------------------------------------------------ sending

bool Http2Client::WantsWrite() {
  return !out_.empty() || message_active_ || finishing_ ||
         delegate_->HasMessage() || nghttp2_session_want_write(session_) != 0;
}

IoStatus Http2Client::Flush() {
  if (ended_) return IoStatus::kBroken;
  for (;;) {
    const IoStatus status = WriteStaged();
    if (status != IoStatus::kDone) return status;
    if (!Stage()) return IoStatus::kBroken;
    if (out_.empty()) return IoStatus::kDone;
  }
}

bool Http2Client::Stage() {
  if (deferred_ && (finishing_ || delegate_->HasMessage())) {
    deferred_ = false;
    const int error = nghttp2_session_resume_data(session_, stream_);
    if (error != 0 && error != NGHTTP2_ERR_INVALID_ARGUMENT) return false;
  }
  while (out_bytes_ < kBatchBytes) {
    const uint8_t* data;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size < 0) return false;
    if (size == 0) return true;
    StageBytes(data, static_cast<size_t>(size));
  }
  return true;
}

IoStatus Http2Client::WriteStaged() {
  while (out_next_ < out_.size()) {
    ByteView slices[kSlicesInOneWrite];
    size_t count = 0;
    for (size_t i = out_next_; i < out_.size() && count < kSlicesInOneWrite;
         ++i) {
      const OutPiece& piece = out_[i];
      slices[count++] = {piece.external != nullptr
                             ? piece.external
                             : staged_.data() + piece.offset,
                         piece.size};
    }
    const RawIo::Result result = io_->Write(slices, count);
    if (result.status != IoStatus::kDone) return result.status;
    TakeOut(result.bytes);
    CountWritten();
  }
  out_.clear();
  staged_.clear();
  message_ends_.clear();
  out_next_ = out_bytes_ = out_written_ = ends_next_ = 0;
  return IoStatus::kDone;
}

// The raw I/O took so many bytes.
void Http2Client::TakeOut(size_t written) {
  out_written_ += written;
  while (written > 0 && out_next_ < out_.size()) {
    OutPiece& piece = out_[out_next_];
    const size_t taken = std::min(written, piece.size);
    if (piece.external != nullptr) {
      piece.external += taken;
    } else {
      piece.offset += taken;
    }
    piece.size -= taken;
    written -= taken;
    if (piece.size == 0) ++out_next_;
  }
}

// A message counts with its own last byte, whatever is staged behind it: the
// peer may answer it now.
void Http2Client::CountWritten() {
  const size_t before = ends_next_;
  while (ends_next_ < message_ends_.size() &&
         message_ends_[ends_next_] <= out_written_) {
    ++ends_next_;
  }
  if (ends_next_ == before) return;
  messages_written_ += ends_next_ - before;
  if (!kept_copies_.empty()) DropCopies();
  delegate_->OnMessagesWritten(messages_written_);
}

void Http2Client::StageBytes(const uint8_t* data, size_t size) {
  const size_t offset = staged_.size();
  staged_.insert(staged_.end(), data, data + size);
  out_bytes_ += size;
  if (!out_.empty() && out_.back().external == nullptr &&
      out_.back().offset + out_.back().size == offset) {
    out_.back().size += size;
  } else {
    out_.push_back({nullptr, offset, size, false});
  }
}

bool Http2Client::BeginMessage() {
  if (message_active_) return true;
  message_.Clear();
  // Room for the prefix, which is known when the message is.
  message_.bytes()->resize(kGrpcPrefixBytes);
  if (!delegate_->NextMessage(&message_)) return false;
  const size_t size = message_.size() - kGrpcPrefixBytes;
  uint8_t* prefix = message_.bytes()->data();
  prefix[0] = 0;
  for (int i = 0; i < 4; ++i) {
    prefix[1 + i] = static_cast<uint8_t>(size >> (24 - 8 * i));
  }
  message_active_ = true;
  message_sent_ = 0;
  ++messages_begun_;
  return true;
}

// Stages the next `size` bytes of the current message.
void Http2Client::StageMessage(size_t size) {
  size_t skip = message_sent_;
  message_sent_ += size;
  size_t own = 0;  // how far in bytes_
  const auto take = [&](const uint8_t* data, size_t length, bool external,
                        bool copied) {
    if (skip >= length) {
      skip -= length;
      return;
    }
    const size_t taken = std::min(length - skip, size);
    if (taken == 0) return;
    if (external) {
      out_.push_back({data + skip, 0, taken, copied});
      out_bytes_ += taken;
    } else {
      StageBytes(data + skip, taken);
    }
    size -= taken;
    skip = 0;
  };
  const ByteBuffer& bytes = *message_.bytes();
  for (const OutgoingMessage::Payload& payload : message_.payloads_) {
    take(bytes.data() + own, payload.at - own, false, false);
    own = payload.at;
    take(payload.view.data, payload.view.size, true, payload.copied);
  }
  take(bytes.data() + own, bytes.size() - own, false, false);
  if (message_sent_ == message_.size()) {
    message_active_ = false;
    message_ends_.push_back(out_bytes_);
  }
}

void Http2Client::CopyPayload() {
  // All that is queued belongs to messages that have begun.
  const auto copy = [this](const uint8_t* data, size_t size) {
    kept_copies_.push_back({messages_begun_, ByteBuffer(data, data + size)});
    return kept_copies_.back().bytes.data();
  };
  for (size_t i = out_next_; i < out_.size(); ++i) {
    OutPiece& piece = out_[i];
    if (piece.external == nullptr || piece.copied) continue;
    piece.external = copy(piece.external, piece.size);
    piece.copied = true;
  }
  if (!message_active_) return;
  for (OutgoingMessage::Payload& payload : message_.payloads_) {
    if (payload.copied) continue;
    payload.view.data = copy(payload.view.data, payload.view.size);
    payload.copied = true;
  }
}

size_t Http2Client::copied_bytes() const {
  size_t bytes = 0;
  for (const KeptCopy& kept : kept_copies_) bytes += kept.bytes.size();
  return bytes;
}

void Http2Client::DropCopies() {
  const auto needed = std::find_if(kept_copies_.begin(), kept_copies_.end(),
                                   [this](const KeptCopy& kept) {
                                     return kept.message > messages_written_;
                                   });
  kept_copies_.erase(kept_copies_.begin(), needed);
}

ssize_t Http2Client::ReadLength(nghttp2_session*, uint8_t, int32_t,
                                int32_t session_window, int32_t stream_window,
                                uint32_t max_frame, void*) {
  // The library makes room for a whole frame even though it copies none.
  return std::min<int64_t>({session_window, stream_window, max_frame,
                            static_cast<int64_t>(kBatchBytes)});
}

ssize_t Http2Client::ReadData(nghttp2_session*, int32_t, uint8_t*,
                              size_t length, uint32_t* flags,
                              nghttp2_data_source*, void* self) {
  auto* client = static_cast<Http2Client*>(self);
  if (!client->BeginMessage()) {
    if (client->finishing_) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      return 0;
    }
    client->deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  return static_cast<ssize_t>(
      std::min(length, client->message_.size() - client->message_sent_));
}

int Http2Client::SendData(nghttp2_session*, nghttp2_frame*,
                          const uint8_t* frame_header, size_t length,
                          nghttp2_data_source*, void* self) {
  auto* client = static_cast<Http2Client*>(self);
  if (client->out_bytes_ > 0 && client->out_bytes_ + length > kBatchBytes) {
    return NGHTTP2_ERR_WOULDBLOCK;
  }
  client->StageBytes(frame_header, kFrameHeaderBytes);
  client->StageMessage(length);
  return 0;
}

// ---------------------------------------------------------------- receiving

IoStatus Http2Client::Read() {
  for (int i = 0; i < kReadsInOneGo; ++i) {
    const RawIo::Result result =
        io_->Read(read_buffer_.data(), read_buffer_.size());
    if (result.status != IoStatus::kDone) return result.status;
    const ssize_t used =
        nghttp2_session_mem_recv(session_, read_buffer_.data(), result.bytes);
    if (used < 0 || ended_) return IoStatus::kBroken;
    if (result.bytes < read_buffer_.size()) return IoStatus::kBlocked;
  }
  return IoStatus::kDone;
}

bool Http2Client::OnMessage(ByteView message) {
  return delegate_->OnMessage(message);
}

int Http2Client::OnDataChunk(nghttp2_session*, uint8_t, int32_t stream,
                             const uint8_t* data, size_t size, void* self) {
  auto* client = static_cast<Http2Client*>(self);
  if (stream != client->stream_) return 0;
  return client->deframer_.Feed({data, size}, client)
             ? 0
             : NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Http2Client::OnFrameReceived(nghttp2_session*, const nghttp2_frame* frame,
                                 void* self) {
  auto* client = static_cast<Http2Client*>(self);
  if (frame->hd.stream_id == client->stream_ &&
      (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
      (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    client->ended_ = true;
  }
  return 0;
}

int Http2Client::OnHeader(nghttp2_session*, const nghttp2_frame* frame,
                          const uint8_t* name, size_t name_size,
                          const uint8_t* value, size_t value_size, uint8_t,
                          void* self) {
  auto* client = static_cast<Http2Client*>(self);
  if (frame->hd.stream_id != client->stream_) return 0;
  if (Equals(name, name_size, "grpc-status")) {
    client->grpc_status_ = ParseStatus(value, value_size);
  } else if (Equals(name, name_size, ":status") &&
             !Equals(value, value_size, "200")) {
    client->grpc_status_ = kUnknownStatus;
    client->ended_ = true;
  }
  return 0;
}

int Http2Client::OnStreamClosed(nghttp2_session*, int32_t stream, uint32_t,
                                void* self) {
  auto* client = static_cast<Http2Client*>(self);
  if (stream == client->stream_) client->ended_ = true;
  return 0;
}

}  // namespace wsp

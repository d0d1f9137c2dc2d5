#include "client_stub/transport/fake_daemon.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace wsp {
namespace {

constexpr uint32_t kWindow = 8 << 20;

nghttp2_nv Header(const char* name, const char* value) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name)),
          reinterpret_cast<uint8_t*>(const_cast<char*>(value)),
          std::strlen(name), std::strlen(value), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

RawIo::Result FakePipe::Write(const ByteView* slices, size_t count) {
  if (broken) return {IoStatus::kBroken, 0};
  size_t left = std::min(most_bytes, write_room);
  size_t total = 0;
  for (size_t i = 0; i < count && left > 0; ++i) {
    const size_t size = std::min(left, slices[i].size);
    to_server.append(reinterpret_cast<const char*>(slices[i].data), size);
    left -= size;
    total += size;
  }
  if (total == 0) return {IoStatus::kBlocked, 0};
  if (write_room != SIZE_MAX) write_room -= total;
  return {IoStatus::kDone, total};
}

RawIo::Result FakePipe::Read(uint8_t* buffer, size_t size) {
  if (to_client.empty()) {
    return {broken ? IoStatus::kBroken : IoStatus::kBlocked, 0};
  }
  size = std::min({size, to_client.size(), most_bytes});
  std::memcpy(buffer, to_client.data(), size);
  to_client.erase(0, size);
  return {IoStatus::kDone, size};
}

FakeDaemon::FakeDaemon(FakePipe* pipe) : pipe_(pipe), deframer_(1 << 20) {
  nghttp2_session_callbacks* callbacks;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnChunk);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
  nghttp2_session_server_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1 << 20}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 2);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        kWindow);
}

FakeDaemon::~FakeDaemon() { nghttp2_session_del(session_); }

void FakeDaemon::Read() {
  std::string bytes;
  bytes.swap(pipe_->to_server);
  const ssize_t used = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (used < 0) std::abort();
  Pump();
}

void FakeDaemon::Send(const v1::ServerFrame& frame) {
  const std::string message = frame.SerializeAsString();
  const auto size = static_cast<uint32_t>(message.size());
  const char prefix[5] = {
      0, static_cast<char>(size >> 24), static_cast<char>(size >> 16),
      static_cast<char>(size >> 8), static_cast<char>(size)};
  out_.append(prefix, 5).append(message);
  nghttp2_session_resume_data(session_, stream_);
  Pump();
}

void FakeDaemon::End(const std::string& status) {
  ending_ = true;
  status_ = status;
  nghttp2_session_resume_data(session_, stream_);
  Pump();
}

void FakeDaemon::Pump() {
  for (;;) {
    const uint8_t* data;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size < 0) std::abort();
    if (size == 0) return;
    pipe_->to_client.append(reinterpret_cast<const char*>(data),
                            static_cast<size_t>(size));
  }
}

bool FakeDaemon::OnMessage(ByteView message) {
  v1::ClientFrame frame;
  if (!frame.ParseFromArray(message.data, static_cast<int>(message.size))) {
    return false;
  }
  frames.push_back(std::move(frame));
  return true;
}

ssize_t FakeDaemon::ReadData(nghttp2_session* session, int32_t stream,
                             uint8_t* buffer, size_t length, uint32_t* flags,
                             nghttp2_data_source*, void* user) {
  auto* self = static_cast<FakeDaemon*>(user);
  if (self->out_.empty()) {
    if (!self->ending_) return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const nghttp2_nv trailer = Header("grpc-status", self->status_.c_str());
    nghttp2_submit_trailer(session, stream, &trailer, 1);
    return 0;
  }
  const size_t size = std::min(length, self->out_.size());
  self->out_.copy(reinterpret_cast<char*>(buffer), size);
  self->out_.erase(0, size);
  return static_cast<ssize_t>(size);
}

int FakeDaemon::OnFrame(nghttp2_session* session, const nghttp2_frame* frame,
                        void* user) {
  auto* self = static_cast<FakeDaemon*>(user);
  if (frame->hd.type == NGHTTP2_DATA) {
    self->largest_data_frame =
        std::max(self->largest_data_frame, frame->hd.length);
  }
  if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
      (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    self->saw_end = true;
  }
  if (frame->hd.type != NGHTTP2_HEADERS || self->stream_ != 0) return 0;
  self->stream_ = frame->hd.stream_id;
  const nghttp2_nv headers[] = {Header(":status", "200"),
                                Header("content-type", "application/grpc")};
  nghttp2_data_provider data;
  data.source.ptr = self;
  data.read_callback = ReadData;
  return nghttp2_submit_response(session, self->stream_, headers, 2, &data);
}

int FakeDaemon::OnChunk(nghttp2_session*, uint8_t, int32_t, const uint8_t* data,
                        size_t size, void* user) {
  auto* self = static_cast<FakeDaemon*>(user);
  return self->deframer_.Feed({data, size}, self)
             ? 0
             : NGHTTP2_ERR_CALLBACK_FAILURE;
}

int FakeDaemon::OnHeader(nghttp2_session*, const nghttp2_frame*,
                         const uint8_t* name, size_t name_size,
                         const uint8_t* value, size_t value_size, uint8_t,
                         void* user) {
  auto* self = static_cast<FakeDaemon*>(user);
  const std::string key(reinterpret_cast<const char*>(name), name_size);
  const std::string text(reinterpret_cast<const char*>(value), value_size);
  if (key == ":path") self->path = text;
  if (key == "content-type") self->content_type = text;
  return 0;
}

}  // namespace wsp

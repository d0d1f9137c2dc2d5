// TransmitFile and TransmitPackets (reference, section 4.9). What they send
// goes out as one job in its place among the socket's sends, block by block:
// read from the files as the daemon takes it, and never much ahead of that.
#include <mswsock.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "client_stub/spi/extension_call.h"
#include "client_stub/spi/extensions.h"
#include "client_stub/spi/stepwise.h"
#include "client_stub/spi/transmit_source.h"

namespace wsp {
namespace {

// How many blocks may be there that the daemon has no credit for yet.
constexpr size_t kMostAhead = 4;
constexpr DWORD kKnownFlags = TF_DISCONNECT | TF_REUSE_SOCKET |
                              TF_WRITE_BEHIND | TF_USE_SYSTEM_THREAD |
                              TF_USE_KERNEL_APC;
// Of TransmitPackets: messages end where TP_ELEMENT_EOP says, and nowhere else.
constexpr DWORD kNoSendSize = 0xffffffff;

class TransmitSteps final : public OperationSteps {
 public:
  TransmitSteps(std::unique_ptr<TransmitSource> source, size_t block_bytes,
                DWORD flags)
      : source_(std::move(source)), block_bytes_(block_bytes), flags_(flags) {}

  // Reads what may be there before anything is sent. Returns 0 or the error.
  uint32_t ReadAhead() {
    while (has_work()) {
      Work();
      if (result_ == TransmitSource::Result::kFailed) return source_->error();
      Keep();
    }
    return 0;
  }

  SendBlocks* blocks() { return &blocks_; }
  // How many bytes are to be sent, or UINT64_MAX.
  uint64_t known_total() const {
    if (!ended_) return UINT64_MAX;
    uint64_t total = 0;
    for (const ByteBuffer& block : blocks_.waiting) total += block.size();
    return total;
  }

  bool has_work() const override {
    return !ended_ && blocks_.waiting.size() < kMostAhead;
  }
  void Work() override { result_ = source_->Next(block_bytes_, &block_); }
  void OnWorked(Operation* operation) override {
    g_library.mutex.AssertHeld();
    Provider* provider = operation->provider;
    Attachment& attachment = provider->attachment();
    SendLane* lane = &operation->socket->lane;
    switch (result_) {
      case TransmitSource::Result::kBlock:
        attachment.AddBlock(lane, &operation->job, std::move(block_));
        block_ = ByteBuffer();
        break;
      case TransmitSource::Result::kEnd:
        ended_ = true;
        attachment.EndBlocks(lane, &operation->job);
        provider->OnMoreToSend(operation);
        break;
      case TransmitSource::Result::kFailed:
        ended_ = true;
        provider->FailSend(operation, source_->error());
        break;
    }
  }

  void OnSent(Operation* operation) override {
    g_library.mutex.AssertHeld();
    Provider* provider = operation->provider;
    if (!disconnects() || operation->socket->closed) {
      return provider->Complete(operation, 0);
    }
    operation->kind = Operation::Kind::kControl;
    Call* request = provider->NewCall(operation, StepHeader(*operation));
    AppendDisconnectEx(&request->bytes, reuse());
    provider->attachment().Submit(request);
  }

  // The disconnect's.
  void OnReply(Operation* operation, const Completion& completion) override {
    g_library.mutex.AssertHeld();
    if (completion.wsa_error == 0) NoteDisconnect(operation, reuse());
    operation->provider->Complete(operation, completion.wsa_error);
  }

  bool disconnects() const { return (flags_ & TF_DISCONNECT) != 0; }

 private:
  bool reuse() const { return (flags_ & TF_REUSE_SOCKET) != 0; }

  void Keep() {
    if (result_ == TransmitSource::Result::kEnd) {
      ended_ = true;
      return;
    }
    blocks_.waiting.push_back(std::move(block_));
    block_ = ByteBuffer();
  }

  const std::unique_ptr<TransmitSource> source_;
  const size_t block_bytes_;
  const DWORD flags_;
  SendBlocks blocks_;
  // The source has no more.
  bool ended_ = false;
  // ---- what Work() has
  TransmitSource::Result result_ = TransmitSource::Result::kEnd;
  ByteBuffer block_;
};

// What needs no daemon to be known, as of any send.
uint32_t KnownError(const StubSocket& socket) {
  if (socket.send_shut) return WSAESHUTDOWN;
  return socket.connected || socket.connecting ? 0 : WSAENOTCONN;
}

uint32_t CheckFlags(DWORD flags) {
  if ((flags & ~kKnownFlags) != 0) return WSAEINVAL;
  const bool disconnect = (flags & TF_DISCONNECT) != 0;
  return (flags & TF_REUSE_SOCKET) != 0 && !disconnect ? WSAEINVAL : 0;
}

uint32_t Send(SpiCall* call, const Indication& indication,
              std::unique_ptr<TransmitSteps> steps) {
  TransmitSteps* const sending = steps.get();
  MutexLock lock(&g_library.mutex);
  StubSocket* socket = call->socket();
  if (const uint32_t error = KnownError(*socket)) return error;
  Operation* operation;
  if (const uint32_t error =
          BeginSteps(call, indication, std::move(steps), &operation)) {
    return error;
  }
  operation->kind = Operation::Kind::kSend;
  operation->total = sending->known_total();
  operation->job.blocks = sending->blocks();
  operation->job.datagram = socket->datagrams;
  // No round trip: the caller hears of it when it is done.
  operation->pending = operation->report_pending;
  Provider* provider = call->provider();
  if (sending->disconnects()) provider->StopNativeTransfers(socket);
  provider->StartSend(operation);
  provider->Flush();
  if (operation->overlapped != nullptr) provider->NoteWork(operation);
  return EndSteps(call, operation, nullptr);
}

// Sends what `source` has, after the arguments were checked.
uint32_t Transmit(SpiCall* call, LPOVERLAPPED overlapped,
                  std::unique_ptr<TransmitSource> source, DWORD flags) {
  if (source->total() > TransmitSource::kMostBytes) return WSAEINVAL;
  size_t block_bytes;
  {
    MutexLock lock(&g_library.mutex);
    if (const uint32_t error = KnownError(*call->socket())) return error;
    block_bytes = call->provider()->attachment().limits().chunk_bytes;
  }
  auto steps =
      std::make_unique<TransmitSteps>(std::move(source), block_bytes, flags);
  if (const uint32_t error = steps->ReadAhead()) return error;
  const Indication indication = IndicationFor(*call, overlapped);
  PrepareSteps(call, indication);
  return Send(call, indication, std::move(steps));
}

// ---------------------------------------------------------------- TransmitFile

uint32_t AddFile(TransmitSource* source, HANDLE file, DWORD bytes,
                 LPOVERLAPPED overlapped) {
  if (file == nullptr) return 0;
  if (overlapped == nullptr) {
    return source->AddFile(file, TransmitSource::From::kMovingPosition, 0,
                           bytes, false);
  }
  const uint64_t offset =
      uint64_t{overlapped->OffsetHigh} << 32 | overlapped->Offset;
  return source->AddFile(file, TransmitSource::From::kOffset, offset, bytes,
                         false);
}

uint32_t AddAll(TransmitSource* source, HANDLE file, DWORD bytes,
                LPOVERLAPPED overlapped, LPTRANSMIT_FILE_BUFFERS buffers) {
  uint32_t error = 0;
  if (buffers != nullptr) {
    error = source->AddMemory(buffers->Head, buffers->HeadLength, false);
  }
  if (error == 0) error = AddFile(source, file, bytes, overlapped);
  if (error == 0 && buffers != nullptr) {
    error = source->AddMemory(buffers->Tail, buffers->TailLength, false);
  }
  return error;
}

// ------------------------------------------------------------- TransmitPackets

uint32_t AddElement(TransmitSource* source,
                    const TRANSMIT_PACKETS_ELEMENT& element, bool overlapped) {
  const bool ends_message = (element.dwElFlags & TP_ELEMENT_EOP) != 0;
  switch (element.dwElFlags & ~uint32_t{TP_ELEMENT_EOP}) {
    case TP_ELEMENT_MEMORY:
      return source->AddMemory(element.pBuffer, element.cLength, ends_message);
    case TP_ELEMENT_FILE: {
      using From = TransmitSource::From;
      const LONGLONG offset = element.nFileOffset.QuadPart;
      if (offset < -1) return WSAEINVAL;
      From from = From::kOffset;
      if (offset == -1) {
        from = overlapped ? From::kPosition : From::kMovingPosition;
      }
      return source->AddFile(element.hFile, from, static_cast<uint64_t>(offset),
                             element.cLength, ends_message);
    }
    default:
      return WSAEINVAL;
  }
}

}  // namespace

BOOL WSPAPI SpiTransmitFile(SOCKET s, HANDLE file, DWORD bytes_to_write,
                            DWORD /*bytes_per_send*/, LPOVERLAPPED overlapped,
                            LPTRANSMIT_FILE_BUFFERS buffers, DWORD flags) {
  ExtensionCall extension(s);
  if (!extension.ok()) return extension.ReturnBool(SOCKET_ERROR);
  SpiCall& call = extension.call();
  if (call.socket()->datagrams) return extension.Finish(WSAEINVAL);
  if (bytes_to_write > TransmitSource::kMostBytes) {
    return extension.Finish(WSAEINVAL);
  }
  if (const uint32_t error = CheckFlags(flags)) return extension.Finish(error);
  auto source = std::make_unique<TransmitSource>();
  if (const uint32_t error =
          AddAll(source.get(), file, bytes_to_write, overlapped, buffers)) {
    return extension.Finish(error);
  }
  return extension.Finish(
      Transmit(&call, overlapped, std::move(source), flags));
}

BOOL WSPAPI SpiTransmitPackets(SOCKET s, LPTRANSMIT_PACKETS_ELEMENT elements,
                               DWORD element_count, DWORD send_size,
                               LPOVERLAPPED overlapped, DWORD flags) {
  ExtensionCall extension(s);
  if (!extension.ok()) return extension.ReturnBool(SOCKET_ERROR);
  SpiCall& call = extension.call();
  if (elements == nullptr && element_count > 0) {
    return extension.Finish(WSAEFAULT);
  }
  if (const uint32_t error = CheckFlags(flags)) return extension.Finish(error);
  auto source = std::make_unique<TransmitSource>();
  if (call.socket()->datagrams) {
    if ((flags & TF_DISCONNECT) != 0) return extension.Finish(WSAEINVAL);
    source->MakeMessages(send_size == kNoSendSize ? 0 : send_size);
  }
  for (DWORD i = 0; i < element_count; ++i) {
    if (const uint32_t error =
            AddElement(source.get(), elements[i], overlapped != nullptr)) {
      return extension.Finish(error);
    }
  }
  return extension.Finish(
      Transmit(&call, overlapped, std::move(source), flags));
}

}  // namespace wsp

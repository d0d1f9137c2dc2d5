#include "client_stub/spi/control_data.h"

#include <mswsock.h>

#include <cstring>

#include "client_stub/transport/wire_reader.h"
#include "proto/wire_fields.h"

namespace wsp {
namespace {

constexpr size_t kHeaderBytes = sizeof(WSACMSGHDR);
static_assert(WSA_CMSG_LEN(0) == kHeaderBytes, "data follow at once");

struct Item {
  int32_t level = 0;
  int32_t type = 0;
  ByteView data;
};

bool DecodeItem(ByteView message, Item* item) {
  using Field = wire::ControlMessage;
  WireReader reader(message);
  while (reader.Next()) {
    switch (reader.field()) {
      case Field::kLevel:
        item->level = static_cast<int32_t>(reader.AsUint32());
        break;
      case Field::kType:
        item->type = static_cast<int32_t>(reader.AsUint32());
        break;
      case Field::kData:
        item->data = reader.AsBytes();
        break;
    }
  }
  return reader.ok();
}

void LayOut(const Item& item, ByteBuffer* items) {
  WSACMSGHDR header;
  header.cmsg_len = WSA_CMSG_LEN(item.data.size);
  header.cmsg_level = item.level;
  header.cmsg_type = item.type;
  const size_t start = items->size();
  items->resize(start + WSA_CMSG_SPACE(item.data.size));
  std::memcpy(items->data() + start, &header, sizeof header);
  if (item.data.size == 0) return;
  std::memcpy(items->data() + start + kHeaderBytes, item.data.data,
              item.data.size);
}

}  // namespace

uint32_t ReadControl(const WSABUF& control, ByteBuffer* fields) {
  using Field = wire::ControlMessage;
  if (control.len > 0 && control.buf == nullptr) return WSAEFAULT;
  size_t at = 0;
  while (at < control.len && control.len - at >= kHeaderBytes) {
    WSACMSGHDR header;
    std::memcpy(&header, control.buf + at, sizeof header);
    if (header.cmsg_len < kHeaderBytes || header.cmsg_len > control.len - at) {
      return WSAEINVAL;
    }
    const size_t size = header.cmsg_len - kHeaderBytes;
    const char* const data = control.buf + at + kHeaderBytes;
    WireWriter(fields).Message(wire::SendToRequest::kControl,
                               [&](WireWriter& out) {
                                 out.Int32(Field::kLevel, header.cmsg_level);
                                 out.Int32(Field::kType, header.cmsg_type);
                                 out.Bytes(Field::kData, data, size);
                               });
    at += WSA_CMSGHDR_ALIGN(header.cmsg_len);
  }
  return 0;
}

bool LayOutControl(ByteView result, ByteBuffer* items) {
  bool valid = true;
  WireReader reader(result);
  while (reader.Next()) {
    if (reader.field() != wire::RecvFromResult::kControl) continue;
    Item item;
    valid &= DecodeItem(reader.AsBytes(), &item);
    if (valid) LayOut(item, items);
  }
  return reader.ok() && valid;
}

size_t WholeItems(ByteView items, size_t room) {
  size_t at = 0;
  while (items.size - at >= kHeaderBytes) {
    WSACMSGHDR header;
    std::memcpy(&header, items.data + at, sizeof header);
    const size_t end = at + WSA_CMSG_SPACE(header.cmsg_len - kHeaderBytes);
    if (end > room) break;
    at = end;
  }
  return at;
}

}  // namespace wsp

#ifndef WSPD_CLIENT_STUB_SPI_UTF16_H_
#define WSPD_CLIENT_STUB_SPI_UTF16_H_

#include <winsock2.h>

#include <cstddef>

#include "client_stub/transport/wire_writer.h"

namespace wsp {

// The UTF-8 of a string that ends with 0. False if it isn't valid, or has more
// than `most_bytes`.
bool Utf8FromWide(LPCWSTR text, size_t most_bytes, ByteBuffer* utf8);

// How many WCHARs Utf8ToWide writes.
size_t WideLength(const ByteBuffer& utf8);
// Without a 0 at the end. What isn't valid UTF-8 becomes U+FFFD.
void Utf8ToWide(const ByteBuffer& utf8, WCHAR* wide);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_UTF16_H_

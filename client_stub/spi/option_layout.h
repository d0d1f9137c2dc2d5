#ifndef WSPD_CLIENT_STUB_SPI_OPTION_LAYOUT_H_
#define WSPD_CLIENT_STUB_SPI_OPTION_LAYOUT_H_

#include <winsock2.h>

#include <cstdint>

namespace wsp {

// How the values of socket options lie in a caller's buffer (reference, section
// 4.10). What an option means is the daemon's matter.

enum class OptionKind : uint8_t {
  // Any length may be set; reads back `bytes`.
  kBool,
  // As kBool, of which only the lowest byte counts.
  kLowByte,
  // At least four bytes.
  kNumber,
  // Any length may be set, of which the first four bytes count.
  kShortNumber,
  kLinger,
  // A structure of `bytes`; 0: of any length.
  kStructure,
};

struct OptionLayout {
  int level;
  int option;
  OptionKind kind;
  int bytes;
  // A length of 0 is taken for FALSE.
  bool may_be_empty;
};

// Options that are not known are numbers of four bytes.
OptionLayout LayoutOfOption(int level, int option);

// Reads a number from the caller's buffer; a linger is read as the number that
// it lies in, and a structure isn't read, only checked. 0, or the error.
uint32_t ReadOption(const OptionLayout& layout, const char* value, int length,
                    uint32_t* number);

// Writes a number to the caller's buffer, whose length is above 0.
uint32_t WriteOption(const OptionLayout& layout, uint32_t number, char* value,
                     int* length);

// Writes `size` bytes; if there isn't room for them, says only how many.
uint32_t WriteStructure(const void* data, int size, char* value, int* length);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_OPTION_LAYOUT_H_

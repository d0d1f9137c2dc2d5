#include "client_stub/base/random_number.h"

#include <sys/random.h>

namespace wsp {

bool GetRandomNumber(uint64_t* number) {
  return getrandom(number, sizeof *number, 0) ==
         static_cast<ssize_t>(sizeof *number);
}

}  // namespace wsp

// The layouts of //client_stub/spi, asserted about mingw-w64's own headers.
#include "client_stub/spi/layout_assertions.h"

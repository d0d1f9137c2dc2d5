/* The headers as C sees them: everything is asserted at compile time. */
#include "client_stub/spi/layout_assertions.h"

int main(void) { return 0; }

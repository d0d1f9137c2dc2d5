#include "client_stub/preload/means.h"

namespace wsp {

std::atomic<uint32_t> g_denied_means{0};

}  // namespace wsp

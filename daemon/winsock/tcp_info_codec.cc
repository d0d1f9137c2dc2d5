#include "daemon/winsock/tcp_info_codec.h"

#include <netinet/in.h>
#include <sys/socket.h>
// After what it needs and doesn't include. The C library's has fewer fields.
#include <linux/tcp.h>

#include <algorithm>
#include <cstring>

namespace wspd {
namespace {

// The kernel's numbers of states, which linux/tcp.h doesn't have.
enum : uint8_t { kClose = 7, kListen = 10 };

}  // namespace

void DescribeTcp(const void* info, size_t size, wsp::v1::Socket* out) {
  tcp_info tcp{};
  memcpy(&tcp, info, std::min(size, sizeof(tcp)));
  if (tcp.tcpi_state == kListen || tcp.tcpi_state == kClose) return;
  wsp::v1::TcpInfo* const to = out->mutable_tcp();
  to->set_rtt_us(tcp.tcpi_rtt);
  to->set_rtt_variation_us(tcp.tcpi_rttvar);
  // Before the first measurement all bits are set.
  if (tcp.tcpi_min_rtt != UINT32_MAX) to->set_min_rtt_us(tcp.tcpi_min_rtt);
  to->set_congestion_window(tcp.tcpi_snd_cwnd);
  to->set_send_segment_bytes(tcp.tcpi_snd_mss);
  to->set_receive_segment_bytes(tcp.tcpi_rcv_mss);
  to->set_unacknowledged(tcp.tcpi_unacked);
  to->set_retransmitted_total(tcp.tcpi_total_retrans);
  to->set_lost(tcp.tcpi_lost);
  to->set_unsent_bytes(tcp.tcpi_notsent_bytes);
  to->set_delivery_rate(tcp.tcpi_delivery_rate);
}

void DescribeTcpOf(int fd, wsp::v1::Socket* out) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return;
  DescribeTcp(&info, size, out);
}

}  // namespace wspd

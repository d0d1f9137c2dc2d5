#include "daemon/policy/unprivileged_ports.h"

#include <sys/types.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>

#include "absl/types/optional.h"
#include "daemon/policy/subject.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

bool MayBind(uid_t uid, absl::optional<bool> capable, uint16_t port) {
  PolicySubject subject;
  subject.uid = uid;
  subject.binds_low_ports = capable;
  return MayBindPort(subject, port);
}

TEST(UnprivilegedPortsTest, LowPortsTakeTheCapability) {
  constexpr uid_t kNobody = 65534;
  constexpr absl::optional<bool> kUnknown;
  EXPECT_TRUE(MayBind(0, kUnknown, 80));
  EXPECT_TRUE(MayBind(0, true, 80));
  EXPECT_TRUE(MayBind(kNobody, true, 80));
  EXPECT_TRUE(MayBind(kNobody, kUnknown, 0));
  EXPECT_TRUE(MayBind(kNobody, false, 65535));
  if (geteuid() != 0) {
    EXPECT_TRUE(MayBind(geteuid(), false, 80));
  }
  int start = 1024;
  if (FILE* file =
          fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re")) {
    EXPECT_EQ(fscanf(file, "%d", &start), 1);
    fclose(file);
  }
  if (start > 1) {
    const auto last = static_cast<uint16_t>(start - 1);
    EXPECT_FALSE(MayBind(kNobody, kUnknown, last));
    EXPECT_FALSE(MayBind(kNobody, false, last));
    EXPECT_FALSE(MayBind(0, false, last));
  }
  EXPECT_TRUE(MayBind(kNobody, kUnknown, static_cast<uint16_t>(start)));
}

}  // namespace
}  // namespace wspd

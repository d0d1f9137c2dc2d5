// WSPGetQOSByName: a base provider of TCP/IP has no templates (2).
#include <string>

#include "tests/conformance/fixture.h"

namespace wspd::conformance {
namespace {

class QosTest : public VariantTest {};
WSPD_FOR_ALL_VARIANTS(QosTest);

TEST_P(QosTest, TemplatesAreNotSupported) {
  std::string name = "G711";
  WSABUF buffer = {static_cast<u_long>(name.size()), &name[0]};
  QOS qos = {};
  EXPECT_EQ(GetQosByName(New(), &buffer, &qos), WsaCode{WSAEOPNOTSUPP});
}

TEST_P(QosTest, ClosedSocketIsNoSocket) {
  const SOCKET s = New();
  EXPECT_EQ(Close(s), kOk);
  std::string name = "G711";
  WSABUF buffer = {static_cast<u_long>(name.size()), &name[0]};
  QOS qos = {};
  EXPECT_EQ(GetQosByName(s, &buffer, &qos), WsaCode{WSAENOTSOCK});
}

}  // namespace
}  // namespace wspd::conformance

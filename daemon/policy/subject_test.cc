#include "daemon/policy/subject.h"

#include <string>

#include "gtest/gtest.h"

namespace wspd {
namespace {

const char kId[] =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

TEST(ContainerOfTest, FindsTheIdOfEachEngine) {
  const std::string id = kId;
  EXPECT_EQ(ContainerOf("/docker/" + id), id);
  EXPECT_EQ(ContainerOf("/system.slice/docker-" + id + ".scope"), id);
  EXPECT_EQ(ContainerOf("/machine.slice/libpod-" + id + ".scope/container"),
            id);
  EXPECT_EQ(ContainerOf("/kubepods.slice/kubepods-pod1.slice/cri-containerd-" +
                        id + ".scope"),
            id);
}

TEST(ContainerOfTest, TheOutermostCounts) {
  const std::string other(64, 'f');
  EXPECT_EQ(ContainerOf("/docker/" + std::string(kId) + "/docker/" + other),
            kId);
}

TEST(ContainerOfTest, NothingElseIsAnId) {
  const std::string id = kId;
  EXPECT_EQ(ContainerOf(""), "");
  EXPECT_EQ(ContainerOf("/"), "");
  EXPECT_EQ(ContainerOf("/user.slice/user-1000.slice"), "");
  EXPECT_EQ(ContainerOf("/x" + id), "");
  EXPECT_EQ(ContainerOf("/" + id.substr(1)), "");
}

TEST(IsWithinCgroupTest, ItselfAndAllBelow) {
  EXPECT_TRUE(IsWithinCgroup("/a/b", "/a/b"));
  EXPECT_TRUE(IsWithinCgroup("/a/b", "/a"));
  EXPECT_TRUE(IsWithinCgroup("/a/b", ""));
  EXPECT_TRUE(IsWithinCgroup("/", ""));
  EXPECT_FALSE(IsWithinCgroup("/a", "/a/b"));
  EXPECT_FALSE(IsWithinCgroup("/ab", "/a"));
}

TEST(SubjectOfTest, HasWhatTheKernelSaid) {
  PeerIdentity identity;
  identity.uid = 7;
  identity.gid = 8;
  identity.groups = {{9}};
  identity.cgroup = "/docker/" + std::string(kId);
  const PolicySubject subject = SubjectOf(identity);
  EXPECT_EQ(subject.uid, 7u);
  EXPECT_EQ(subject.gid, 8u);
  ASSERT_TRUE(subject.groups.has_value());
  EXPECT_EQ(subject.groups->size(), 1u);
  EXPECT_EQ(subject.container, kId);
  EXPECT_FALSE(subject.executable.has_value());
}

}  // namespace
}  // namespace wspd

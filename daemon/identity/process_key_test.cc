#include "daemon/identity/process_key.h"

#include "absl/container/flat_hash_set.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

PeerIdentity Make(pid_t pid, uint64_t start, uint64_t inode) {
  PeerIdentity identity;
  identity.pid = pid;
  identity.start_time_ticks = start;
  identity.pidfd_inode = inode;
  return identity;
}

TEST(ProcessKeyTest, InodeDecidesWhereThereIsOne) {
  const ProcessKey key = ProcessKey::Of(Make(1, 2, 3), "t");
  EXPECT_EQ(key, ProcessKey::Of(Make(9, 9, 3), "u"));
  EXPECT_NE(key, ProcessKey::Of(Make(1, 2, 4), "t"));
  EXPECT_EQ(key.ToString(), "pidfd:3");
}

TEST(ProcessKeyTest, AReusedPidIsAnotherProcess) {
  const ProcessKey key = ProcessKey::Of(Make(1, 2, 0), "t");
  EXPECT_EQ(key, ProcessKey::Of(Make(1, 2, 0), "u"));
  EXPECT_NE(key, ProcessKey::Of(Make(1, 3, 0), "t"));
  EXPECT_EQ(key.ToString(), "pid:1@2");
}

TEST(ProcessKeyTest, TokenCountsForPid0Only) {
  EXPECT_TRUE(ProcessKey::NeedsToken(Make(0, 0, 0)));
  EXPECT_FALSE(ProcessKey::NeedsToken(Make(0, 0, 3)));
  EXPECT_FALSE(ProcessKey::NeedsToken(Make(1, 2, 0)));
  const ProcessKey key = ProcessKey::Of(Make(0, 0, 0), "t");
  EXPECT_EQ(key, ProcessKey::Of(Make(0, 0, 0), "t"));
  EXPECT_NE(key, ProcessKey::Of(Make(0, 0, 0), "u"));
  EXPECT_EQ(key.ToString(), "token") << "never the token itself";
}

TEST(ProcessKeyTest, KindsNeverMeet) {
  EXPECT_NE(ProcessKey::Of(Make(3, 0, 0), ""),
            ProcessKey::Of(Make(0, 0, 3), ""));
}

TEST(ProcessKeyTest, IsHashable) {
  absl::flat_hash_set<ProcessKey> keys;
  keys.insert(ProcessKey::Of(Make(1, 2, 3), ""));
  keys.insert(ProcessKey::Of(Make(1, 2, 3), ""));
  keys.insert(ProcessKey::Of(Make(1, 2, 0), ""));
  EXPECT_EQ(keys.size(), 2u);
}

}  // namespace
}  // namespace wspd

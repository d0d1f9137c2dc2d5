#include "client_stub/spi/transmit_source.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace wsp {
namespace {

using From = TransmitSource::From;
using Result = TransmitSource::Result;

// A file of this content without a name.
class File {
 public:
  explicit File(const std::string& content) {
    const char* dir = getenv("TEST_TMPDIR");
    std::string path = std::string(dir != nullptr ? dir : "/tmp") + "/fXXXXXX";
    fd_ = mkstemp(&path[0]);
    unlink(path.c_str());
    EXPECT_EQ(write(fd_, content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
    Seek(0);
  }
  ~File() { close(fd_); }

  HANDLE handle() const {
    return reinterpret_cast<HANDLE>(static_cast<INT_PTR>(fd_));
  }
  int fd() const { return fd_; }
  void Seek(off_t position) { lseek(fd_, position, SEEK_SET); }
  off_t position() const { return lseek(fd_, 0, SEEK_CUR); }

 private:
  int fd_;
};

HANDLE HandleOf(int fd) {
  return reinterpret_cast<HANDLE>(static_cast<INT_PTR>(fd));
}

std::string Text(const ByteBuffer& block) {
  return std::string(block.begin(), block.end());
}

// All blocks until the end.
std::vector<std::string> Blocks(TransmitSource* source, size_t most) {
  std::vector<std::string> blocks;
  ByteBuffer block;
  for (;;) {
    switch (source->Next(most, &block)) {
      case Result::kBlock:
        blocks.push_back(Text(block));
        EXPECT_LT(blocks.size(), 100u);
        break;
      case Result::kEnd:
        return blocks;
      case Result::kFailed:
        blocks.push_back("error " + std::to_string(source->error()));
        return blocks;
    }
  }
}

using Strings = std::vector<std::string>;

TEST(TransmitSourceTest, BlocksGoOverThePiecesBorders) {
  const File file("0123456789");
  TransmitSource source;
  ASSERT_EQ(source.AddMemory("head", 4, false), 0u);
  ASSERT_EQ(source.AddFile(file.handle(), From::kOffset, 0, 0, false), 0u);
  ASSERT_EQ(source.AddMemory("tail", 4, false), 0u);
  EXPECT_EQ(source.total(), 18u);
  EXPECT_EQ(Blocks(&source, 7), (Strings{"head012", "3456789", "tail"}));
}

TEST(TransmitSourceTest, AFileIsReadFromItsOffsetOrItsPosition) {
  File file("0123456789");
  file.Seek(7);
  {
    TransmitSource source;
    ASSERT_EQ(source.AddFile(file.handle(), From::kOffset, 2, 3, false), 0u);
    ASSERT_EQ(source.AddFile(file.handle(), From::kPosition, 0, 0, false), 0u);
    EXPECT_EQ(Blocks(&source, 100), Strings{"234789"});
  }
  EXPECT_EQ(file.position(), 7);
  TransmitSource source;
  ASSERT_EQ(source.AddFile(file.handle(), From::kMovingPosition, 0, 2, false),
            0u);
  EXPECT_EQ(Blocks(&source, 100), Strings{"78"});
  EXPECT_EQ(file.position(), 9);
}

TEST(TransmitSourceTest, AFileThatHasLessEndsWhereItEnds) {
  const File file("0123456789");
  TransmitSource source;
  ASSERT_EQ(source.AddFile(file.handle(), From::kOffset, 5, 100, false), 0u);
  ASSERT_EQ(source.AddMemory("tail", 4, false), 0u);
  EXPECT_EQ(source.total(), 9u);
  EXPECT_EQ(Blocks(&source, 100), Strings{"56789tail"});
  // Also one that has become shorter.
  TransmitSource later;
  ASSERT_EQ(later.AddFile(file.handle(), From::kOffset, 0, 0, false), 0u);
  ASSERT_EQ(ftruncate(file.fd(), 3), 0);
  EXPECT_EQ(Blocks(&later, 100), Strings{"012"});
}

TEST(TransmitSourceTest, TheCallerMayCloseItsHandle) {
  TransmitSource source;
  {
    const File file("content");
    ASSERT_EQ(source.AddFile(file.handle(), From::kOffset, 0, 0, false), 0u);
  }
  EXPECT_EQ(Blocks(&source, 100), Strings{"content"});
}

TEST(TransmitSourceTest, NothingIsOneEmptyBlock) {
  const File empty("");
  TransmitSource source;
  EXPECT_EQ(Blocks(&source, 100), Strings{""});
  TransmitSource pieces;
  ASSERT_EQ(pieces.AddMemory(nullptr, 0, false), 0u);
  ASSERT_EQ(pieces.AddFile(empty.handle(), From::kOffset, 0, 0, false), 0u);
  EXPECT_EQ(Blocks(&pieces, 100), Strings{""});
}

TEST(TransmitSourceTest, ExactlyFullBlocksAreFollowedByNoEmptyOne) {
  TransmitSource source;
  ASSERT_EQ(source.AddMemory("0123456789", 10, false), 0u);
  ASSERT_EQ(source.AddMemory(nullptr, 0, false), 0u);
  EXPECT_EQ(Blocks(&source, 5), (Strings{"01234", "56789"}));
}

TEST(TransmitSourceTest, MessagesEndWhereTheirPiecesSaySo) {
  const File file("0123456789");
  TransmitSource source;
  source.MakeMessages(0);
  ASSERT_EQ(source.AddMemory("one", 3, false), 0u);
  ASSERT_EQ(source.AddFile(file.handle(), From::kOffset, 0, 4, true), 0u);
  ASSERT_EQ(source.AddMemory("", 0, true), 0u);
  ASSERT_EQ(source.AddMemory("two", 3, true), 0u);
  ASSERT_EQ(source.AddMemory("rest", 4, false), 0u);
  const Strings blocks = Blocks(&source, 100);
  ASSERT_GE(blocks.size(), 3u);
  EXPECT_EQ(blocks.front(), "one0123");
  EXPECT_EQ(blocks[blocks.size() - 2], "two");
  EXPECT_EQ(blocks.back(), "rest");
}

TEST(TransmitSourceTest, MessagesEndWithTheirSize) {
  TransmitSource source;
  source.MakeMessages(4);
  ASSERT_EQ(source.AddMemory("0123456789", 10, true), 0u);
  ASSERT_EQ(source.AddMemory("ab", 2, true), 0u);
  EXPECT_EQ(Blocks(&source, 100), (Strings{"0123", "4567", "89", "ab"}));
}

TEST(TransmitSourceTest, AMessageMayBeTooLong) {
  TransmitSource source;
  source.MakeMessages(0);
  ASSERT_EQ(source.AddMemory("0123456789", 10, true), 0u);
  EXPECT_EQ(Blocks(&source, 9),
            Strings{"error " + std::to_string(WSAEMSGSIZE)});
}

TEST(TransmitSourceTest, WhatIsNoReadableFileIsRefused) {
  TransmitSource source;
  EXPECT_EQ(source.AddMemory(nullptr, 1, false), uint32_t{WSAEFAULT});
  EXPECT_EQ(source.AddFile(nullptr, From::kOffset, 0, 0, false),
            uint32_t{WSA_INVALID_HANDLE});
  EXPECT_EQ(source.AddFile(INVALID_HANDLE_VALUE, From::kOffset, 0, 0, false),
            uint32_t{WSA_INVALID_HANDLE});
  EXPECT_EQ(source.AddFile(HandleOf(999999), From::kOffset, 0, 0, false),
            uint32_t{WSA_INVALID_HANDLE});
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(source.AddFile(HandleOf(ends[0]), From::kOffset, 0, 0, false),
            uint32_t{WSAEINVAL});
  close(ends[0]);
  close(ends[1]);
  const File file("0123456789");
  EXPECT_EQ(source.AddFile(file.handle(), From::kOffset, 11, 0, false),
            uint32_t{WSAEINVAL});
  EXPECT_EQ(source.AddFile(file.handle(), From::kOffset, 10, 0, false), 0u);
  const std::string path = "/proc/self/fd/" + std::to_string(file.fd());
  const int write_only = open(path.c_str(), O_WRONLY);
  ASSERT_GE(write_only, 0);
  EXPECT_EQ(source.AddFile(HandleOf(write_only), From::kOffset, 0, 0, false),
            uint32_t{WSAEACCES});
  close(write_only);
}

}  // namespace
}  // namespace wsp

#include "client_stub/preload/arena.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace wsp {
namespace {

struct Piece {
  unsigned char* memory;
  size_t size;
  unsigned char mark;
};

bool HoldsItsMark(const Piece& piece) {
  for (size_t i = 0; i < piece.size; ++i) {
    if (piece.memory[i] != piece.mark) return false;
  }
  return true;
}

Piece Make(size_t size, unsigned char mark) {
  Piece piece = {static_cast<unsigned char*>(ArenaAllocate(size)), size, mark};
  EXPECT_NE(piece.memory, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(piece.memory) % 16, 0u);
  std::memset(piece.memory, mark, size);
  return piece;
}

// Takes and frees pieces of all sizes, and looks at each when it goes.
bool Exercise(unsigned seed, int steps) {
  std::mt19937 random(seed);
  std::vector<Piece> pieces;
  bool intact = true;
  for (int i = 0; i < steps; ++i) {
    if (pieces.size() < 50 && random() % 3 != 0) {
      const size_t size = size_t{1} << random() % 20;
      pieces.push_back(
          Make(size - random() % size, static_cast<unsigned char>(random())));
      continue;
    }
    if (pieces.empty()) continue;
    std::swap(pieces[random() % pieces.size()], pieces.back());
    intact &= HoldsItsMark(pieces.back());
    ArenaFree(pieces.back().memory);
    pieces.pop_back();
  }
  for (const Piece& piece : pieces) {
    intact &= HoldsItsMark(piece);
    ArenaFree(piece.memory);
  }
  return intact;
}

TEST(ArenaTest, NoPieceOverlapsAnother) { EXPECT_TRUE(Exercise(1, 5000)); }

TEST(ArenaTest, ThreadsShareIt) {
  std::vector<std::thread> threads;
  bool intact[4] = {};
  for (unsigned i = 0; i < 4; ++i) {
    threads.emplace_back([&intact, i] { intact[i] = Exercise(100 + i, 2000); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const bool one : intact) EXPECT_TRUE(one);
}

TEST(ArenaTest, WhatWasFreedIsUsedAgain) {
  ArenaFree(ArenaAllocate(1000));
  const size_t before = ArenaBlockBytes();
  for (int i = 0; i < 100000; ++i) ArenaFree(ArenaAllocate(1000));
  EXPECT_EQ(ArenaBlockBytes(), before);
}

TEST(ArenaTest, LargePiecesAreMappedByThemselves) {
  const size_t before = ArenaBlockBytes();
  const Piece piece = Make(3 << 20, 7);
  EXPECT_EQ(ArenaBlockBytes(), before);
  EXPECT_TRUE(HoldsItsMark(piece));
  ArenaFree(piece.memory);
}

TEST(ArenaTest, ReallocationKeepsWhatWasThere) {
  Piece piece = Make(20, 9);
  for (const size_t size : {21, 1000, 600000, 2000000}) {
    piece.memory =
        static_cast<unsigned char*>(ArenaReallocate(piece.memory, size));
    ASSERT_NE(piece.memory, nullptr);
    EXPECT_TRUE(HoldsItsMark(piece));
    std::memset(piece.memory, 9, size);
    piece.size = size;
  }
  ArenaFree(piece.memory);
  void* fresh = ArenaReallocate(nullptr, 5);
  EXPECT_NE(fresh, nullptr);
  ArenaFree(fresh);
  ArenaFree(nullptr);
}

TEST(ArenaTest, ImpossibleSizesGiveNothing) {
  EXPECT_EQ(ArenaAllocate(SIZE_MAX), nullptr);
  EXPECT_EQ(ArenaAllocate(SIZE_MAX - 100), nullptr);
  EXPECT_EQ(ArenaAllocate(SIZE_MAX / 2), nullptr);
}

TEST(ArenaTest, AForkedChildGoesOnWithItsParentsBlocks) {
  const Piece parents = Make(100000, 3);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ResetArenaAfterFork();
    const size_t before = ArenaBlockBytes();
    const Piece piece = Make(100000, 4);
    _exit(before == ArenaBlockBytes() && HoldsItsMark(piece) ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(HoldsItsMark(parents));
  ArenaFree(parents.memory);
}

}  // namespace
}  // namespace wsp

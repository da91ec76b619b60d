// SPDX-License-Identifier: Apache-2.0
#include "base/piece_size.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(PieceSize, NoMoreIsOnItsWayThanHasArrivedBefore) {
  PieceSize piece;
  int64_t arrived = PieceSize::kLeast;
  for (int i = 0; i < 20; ++i) {
    EXPECT_LE(piece.bytes(), arrived);
    arrived += piece.bytes();
    piece.Took(absl::ZeroDuration());
  }
  EXPECT_EQ(piece.bytes(), PieceSize::kMost);
}

TEST(PieceSize, FollowsAPaceThatChanges) {
  PieceSize piece;
  for (const int64_t bytes_per_s : {1'000'000, 100'000, 40'000, 400'000}) {
    for (int i = 0; i < 20; ++i) piece.Took(absl::Seconds(1) * piece.bytes() / bytes_per_s);
    EXPECT_GE(piece.bytes(), bytes_per_s / 5) << "a fifth of a second";
    EXPECT_LE(piece.bytes(), bytes_per_s);
  }
}

TEST(PieceSize, OfASlowLinkEndsBeforeTheTransferCountsAsStalled) {
  PieceSize piece;
  for (int i = 0; i < 20; ++i) piece.Took(absl::Seconds(1) * piece.bytes() / 200);
  EXPECT_EQ(piece.bytes(), PieceSize::kLeast);
  piece.Took(absl::Hours(1));
  EXPECT_EQ(piece.bytes(), PieceSize::kLeast);
}

}  // namespace
}  // namespace millrace

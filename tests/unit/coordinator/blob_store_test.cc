// SPDX-License-Identifier: Apache-2.0
// What every blob store does, whatever it stands on.
#include "coordinator/blob/blob_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <thread>

#include "base/memory_file_system.h"
#include "base/random.h"
#include "coordinator/blob/directory_blob_store.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOkAndHolds;
using testing::IsStatus;

/// A place for a store that outlives the store.
class StoreHome {
 public:
  virtual ~StoreHome() = default;
  virtual absl::StatusOr<std::unique_ptr<BlobStore>> Open() = 0;
  /// Everything that lies in the home, blobs and what is no blob.
  virtual int64_t Files() = 0;
};

template <typename FindFiles>
class FolderHome : public StoreHome {
 public:
  absl::StatusOr<std::unique_ptr<BlobStore>> Open() override {
    return DirectoryBlobStore::Create(files_.get(), files_.folder());
  }
  int64_t Files() override {
    int64_t count = 0;
    const auto names = files_.get()->List(files_.folder()).value();
    for (const std::string& name : names) {
      count += std::ssize(*files_.get()->List(files_.folder() + "/" + name));
    }
    return count;
  }

 private:
  FindFiles files_;
};

class OnDisk {
 public:
  FileSystem* get() { return PosixFileSystem(); }
  std::string folder() const { return temporary_.path() + "/blobs"; }

 private:
  testing::TemporaryFolder temporary_;
};

class InMemory {
 public:
  FileSystem* get() { return &files_; }
  std::string folder() const { return "blobs"; }

 private:
  MemoryFileSystem files_;
};

struct HomeParam {
  const char* name;
  std::function<std::unique_ptr<StoreHome>()> make;
};

class BlobStoreTest : public ::testing::TestWithParam<HomeParam> {
 protected:
  void SetUp() override {
    home_ = GetParam().make();
    MR_ASSERT_OK_AND_ASSIGN(blobs_, home_->Open());
  }

  static std::string RandomText(size_t size) {
    Random random(7);
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random.Below(256));
    return text;
  }

  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<BlobStore> blobs_;
};

INSTANTIATE_TEST_SUITE_P(
    Stores, BlobStoreTest,
    ::testing::Values(HomeParam{"Disk", [] { return std::make_unique<FolderHome<OnDisk>>(); }},
                      HomeParam{"Memory", [] { return std::make_unique<FolderHome<InMemory>>(); }}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_P(BlobStoreTest, ABlobIsNamedByTheSha256OfItsBytes) {
  // FIPS 180-2, B.1.
  MR_ASSERT_OK_AND_ASSIGN(const Digest digest, WriteBlob(blobs_.get(), "abc"));
  EXPECT_EQ(digest.Hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_P(BlobStoreTest, WhatWasWrittenIsRead) {
  const std::string text = RandomText(100'000);
  MR_ASSERT_OK_AND_ASSIGN(const Digest digest, WriteBlob(blobs_.get(), text));
  EXPECT_TRUE(blobs_->Has(digest));
  EXPECT_THAT(ReadBlob(blobs_.get(), digest), IsOkAndHolds(text));
}

TEST_P(BlobStoreTest, AnEmptyBlobIsABlob) {
  MR_ASSERT_OK_AND_ASSIGN(const Digest digest, WriteBlob(blobs_.get(), ""));
  EXPECT_EQ(digest, Sha256Of(""));
  EXPECT_THAT(ReadBlob(blobs_.get(), digest), IsOkAndHolds(IsEmpty()));
}

TEST_P(BlobStoreTest, PiecesAppendToOneBlob) {
  const std::string text = RandomText(9 << 20);  // more than one step of write-back
  MR_ASSERT_OK_AND_ASSIGN(const auto writer, blobs_->NewWriter());
  for (size_t at = 0; at < text.size(); at += 1'000'003) {
    const std::string piece = text.substr(at, 1'000'003);
    MR_ASSERT_OK(writer->Append(piece));
  }
  MR_ASSERT_OK_AND_ASSIGN(const Digest digest, writer->Commit());
  EXPECT_EQ(digest, Sha256Of(text));
  EXPECT_TRUE(ReadBlob(blobs_.get(), digest).value() == text);
}

TEST_P(BlobStoreTest, AnySliceCanBeRead) {
  MR_ASSERT_OK_AND_ASSIGN(const Digest digest, WriteBlob(blobs_.get(), "press-7 at 41 rounds"));
  MR_ASSERT_OK_AND_ASSIGN(const auto reader, blobs_->Open(digest));
  EXPECT_EQ(reader->size(), 20);
  std::string slice(6, '\0');
  MR_ASSERT_OK(reader->ReadAt(14, slice));
  EXPECT_EQ(slice, "rounds");
}

TEST_P(BlobStoreTest, ReadingPastTheEndIsRefused) {
  MR_ASSERT_OK_AND_ASSIGN(const Digest digest, WriteBlob(blobs_.get(), "abc"));
  MR_ASSERT_OK_AND_ASSIGN(const auto reader, blobs_->Open(digest));
  std::string slice(2, '\0');
  for (const int64_t offset : {int64_t{-1}, int64_t{2}, int64_t{4}, INT64_MAX}) {
    EXPECT_THAT(reader->ReadAt(offset, slice),
                IsStatus(absl::StatusCode::kOutOfRange, HasSubstr(digest.Hex())))
        << offset;
  }
}

TEST_P(BlobStoreTest, AnAbsentBlobIsNotFoundByName) {
  const Digest absent = Sha256Of("never written");
  EXPECT_FALSE(blobs_->Has(absent));
  EXPECT_THAT(blobs_->Open(absent), IsStatus(absl::StatusCode::kNotFound, HasSubstr(absent.Hex())));
}

TEST_P(BlobStoreTest, ABlobLargerThanAskedForIsNotRead) {
  MR_ASSERT_OK_AND_ASSIGN(const Digest digest, WriteBlob(blobs_.get(), "abcd"));
  EXPECT_THAT(ReadBlob(blobs_.get(), digest, 3),
              IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("at most 3")));
}

TEST_P(BlobStoreTest, WritingTheSameBytesAgainKeepsOneBlob) {
  MR_ASSERT_OK_AND_ASSIGN(const Digest first, WriteBlob(blobs_.get(), "abc"));
  MR_ASSERT_OK_AND_ASSIGN(const Digest second, WriteBlob(blobs_.get(), "abc"));
  EXPECT_EQ(first, second);
  EXPECT_EQ(home_->Files(), 1);
}

TEST_P(BlobStoreTest, AWriterThatDoesNotCommitLeavesNothing) {
  {
    MR_ASSERT_OK_AND_ASSIGN(const auto writer, blobs_->NewWriter());
    MR_ASSERT_OK(writer->Append(std::string("abc")));
    EXPECT_EQ(home_->Files(), 1);
  }
  EXPECT_EQ(home_->Files(), 0);
}

TEST_P(BlobStoreTest, OpeningTheStoreClearsWhatADeadProcessLeft) {
  MR_ASSERT_OK_AND_ASSIGN(const Digest digest, WriteBlob(blobs_.get(), "kept"));
  MR_ASSERT_OK_AND_ASSIGN(const auto unfinished, blobs_->NewWriter());
  EXPECT_EQ(home_->Files(), 2);
  MR_ASSERT_OK_AND_ASSIGN(const auto reopened, home_->Open());
  EXPECT_EQ(home_->Files(), 1);
  EXPECT_TRUE(reopened->Has(digest));
}

TEST_P(BlobStoreTest, AWriterIsSpentOnceItCommitted) {
  MR_ASSERT_OK_AND_ASSIGN(const auto writer, blobs_->NewWriter());
  MR_ASSERT_OK(writer->Commit());
  EXPECT_THAT(writer->Append(std::string("late")),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("anew")));
  EXPECT_THAT(writer->Commit(), IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("anew")));
}

TEST_P(BlobStoreTest, WritersAtOnceDoNotMix) {
  MR_ASSERT_OK_AND_ASSIGN(const auto first, blobs_->NewWriter());
  MR_ASSERT_OK_AND_ASSIGN(const auto second, blobs_->NewWriter());
  MR_ASSERT_OK(first->Append(std::string("one")));
  MR_ASSERT_OK(second->Append(std::string("two")));
  MR_ASSERT_OK_AND_ASSIGN(const Digest one, first->Commit());
  MR_ASSERT_OK_AND_ASSIGN(const Digest two, second->Commit());
  EXPECT_THAT(ReadBlob(blobs_.get(), one), IsOkAndHolds("one"));
  EXPECT_THAT(ReadBlob(blobs_.get(), two), IsOkAndHolds("two"));
}

TEST_P(BlobStoreTest, ARemovedBlobIsGone) {
  MR_ASSERT_OK_AND_ASSIGN(const Digest digest, WriteBlob(blobs_.get(), "abc"));
  MR_ASSERT_OK(blobs_->Remove(digest));
  EXPECT_FALSE(blobs_->Has(digest));
  EXPECT_EQ(home_->Files(), 0);
}

TEST_P(BlobStoreTest, RemovingAnAbsentBlobIsHarmless) {
  MR_EXPECT_OK(blobs_->Remove(Sha256Of("never written")));
}

TEST_P(BlobStoreTest, AnOpenBlobOutlivesItsRemoval) {
  MR_ASSERT_OK_AND_ASSIGN(const Digest digest, WriteBlob(blobs_.get(), "abc"));
  MR_ASSERT_OK_AND_ASSIGN(const auto reader, blobs_->Open(digest));
  MR_ASSERT_OK(blobs_->Remove(digest));
  std::string text(3, '\0');
  MR_ASSERT_OK(reader->ReadAt(0, text));
  EXPECT_EQ(text, "abc");
}

TEST_P(BlobStoreTest, ListNamesEveryBlobInOrder) {
  std::vector<Digest> written;
  for (int i = 0; i < 12; ++i) {
    MR_ASSERT_OK_AND_ASSIGN(const Digest digest, WriteBlob(blobs_.get(), std::to_string(i)));
    written.push_back(digest);
  }
  MR_ASSERT_OK_AND_ASSIGN(const auto unfinished, blobs_->NewWriter());
  std::sort(written.begin(), written.end());
  EXPECT_THAT(blobs_->List(), IsOkAndHolds(ElementsAreArray(written)));
}

TEST_P(BlobStoreTest, BlobsAreThereAfterReopening) {
  MR_ASSERT_OK_AND_ASSIGN(const Digest digest, WriteBlob(blobs_.get(), "abc"));
  blobs_.reset();
  MR_ASSERT_OK_AND_ASSIGN(blobs_, home_->Open());
  EXPECT_THAT(ReadBlob(blobs_.get(), digest), IsOkAndHolds("abc"));
}

TEST_P(BlobStoreTest, OneReaderServesSeveralThreads) {
  const std::string text = RandomText(1 << 20);
  MR_ASSERT_OK_AND_ASSIGN(const Digest digest, WriteBlob(blobs_.get(), text));
  MR_ASSERT_OK_AND_ASSIGN(const auto reader, blobs_->Open(digest));
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      Random random(t);
      std::string slice(4096, '\0');
      for (int i = 0; i < 200; ++i) {
        const size_t at = random.Below(text.size() - slice.size());
        if (!reader->ReadAt(at, slice).ok() || text.compare(at, slice.size(), slice) != 0) {
          ++wrong[t];
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, ::testing::Each(0));
}

}  // namespace
}  // namespace millrace

// SPDX-License-Identifier: Apache-2.0
#include "client/data/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/random.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsStatus;

template <typename T>
std::string Bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// A file as NumPy writes it; version 2 has a 4-byte header length.
std::string NpyFile(const std::string& dictionary, const std::string& data, char major = 1) {
  std::string file = "\x93NUMPY";
  file += major;
  file += '\0';
  const auto length = static_cast<uint32_t>(dictionary.size());
  file.append(reinterpret_cast<const char*>(&length), major == 1 ? 2 : 4);
  return file + dictionary + data;
}

std::string Dictionary(const std::string& type, const std::string& shape,
                       const std::string& fortran = "False") {
  return "{'descr': '" + type + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
}

TEST(NpyTest, WhatIsWrittenIsReadBackBitForBit) {
  Random random(3);
  std::vector<float> values(60);
  for (float& value : values) value = static_cast<float>(random.Normal());
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{60}, {20, 3}}) {
    MR_ASSERT_OK_AND_ASSIGN(const NpyArray array, ParseNpy(NpyBytes(shape, values)));
    EXPECT_EQ(array.shape, shape);
    EXPECT_EQ(std::memcmp(array.values.data(), values.data(), 60 * sizeof(float)), 0);
  }
}

TEST(NpyTest, AWrittenFileHasTheFormatsBytes) {
  // 10 bytes before the dictionary, which is padded so that the data starts at byte 128.
  std::string expected("\x93NUMPY\x01\x00\x76\x00", 10);
  expected += Dictionary("<f4", "(1,)");
  expected.resize(127, ' ');
  expected += "\n";
  expected += Bytes<float>({1});
  EXPECT_EQ(NpyBytes(std::vector<int64_t>{1}, std::vector<float>{1}), expected);
}

TEST(NpyTest, EveryTypeIsReadAsFloat) {
  EXPECT_THAT(ParseNpy(NpyFile(Dictionary("<f4", "(2,)"), Bytes<float>({1.5, -2})))->values,
              ElementsAre(1.5, -2));
  EXPECT_THAT(ParseNpy(NpyFile(Dictionary("<f8", "(2,)"), Bytes<double>({1.5, -2})))->values,
              ElementsAre(1.5, -2));
  EXPECT_THAT(ParseNpy(NpyFile(Dictionary("<i2", "(2,)"), Bytes<int16_t>({-32768, 7})))->values,
              ElementsAre(-32768, 7));
  EXPECT_THAT(ParseNpy(NpyFile(Dictionary("<i4", "(2,)"), Bytes<int32_t>({-70000, 7})))->values,
              ElementsAre(-70000, 7));
}

TEST(NpyTest, Version2AndKeysInAnyOrderAreRead) {
  const std::string dictionary = "{\"shape\": (1, 2), 'fortran_order':False,'descr':'<f4'}  \n";
  MR_ASSERT_OK_AND_ASSIGN(const NpyArray array,
                          ParseNpy(NpyFile(dictionary, Bytes<float>({1, 2}), 2)));
  EXPECT_THAT(array.shape, ElementsAre(1, 2));
  EXPECT_THAT(array.values, ElementsAre(1, 2));
}

TEST(NpyTest, FortranOrderOfOneDimensionIsTheSame) {
  const std::string file = NpyFile(Dictionary("<f4", "(2,)", "True"), Bytes<float>({1, 2}));
  EXPECT_THAT(ParseNpy(file)->values, ElementsAre(1, 2));
}

struct RefusedFile {
  std::string file;
  const char* message;
};

class NpyRefusalTest : public ::testing::TestWithParam<RefusedFile> {};

TEST_P(NpyRefusalTest, SaysWhatIsWrong) {
  EXPECT_THAT(ParseNpy(GetParam().file),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    , NpyRefusalTest,
    ::testing::Values(
        RefusedFile{"", "does not begin"},
        RefusedFile{"PK\x03\x04 a zip archive", "does not begin"},
        RefusedFile{"\x93NUMPY", "truncated in the header"},
        RefusedFile{"\x93NUMPY\x01", "truncated in the header"},
        RefusedFile{NpyFile(Dictionary("<f4", "(1,)"), Bytes<float>({1}), 3), "version 3.0"},
        RefusedFile{NpyFile(Dictionary("<f4", "(1,)"), "").substr(0, 30),
                    "truncated in the header"},
        RefusedFile{std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12), "a header of"},
        RefusedFile{NpyFile("[1, 2]", ""), "no dictionary"},
        RefusedFile{NpyFile("{'descr': '<f4', 'shape': (1,)}", ""), "lacks one of"},
        RefusedFile{NpyFile("{'descr': [('a', '<f4')]}", ""), "\"descr\" cannot be read"},
        RefusedFile{NpyFile("{'descr': '<f4'", ""), "does not end"},
        RefusedFile{NpyFile("{'extra': 1}", ""), "\"extra\" cannot be read"},
        RefusedFile{NpyFile(Dictionary("<f4", "(-1,)"), ""), "\"shape\" cannot be read"},
        RefusedFile{NpyFile(Dictionary(">f4", "(1,)"), Bytes<float>({1})), "type \">f4\""},
        RefusedFile{NpyFile(Dictionary("|O", "(1,)"), "12345678"), "type \"|O\""},
        RefusedFile{NpyFile(Dictionary("<f4", "()"), Bytes<float>({1})), "shape ()"},
        RefusedFile{NpyFile(Dictionary("<f4", "(1, 1, 1)"), Bytes<float>({1})), "shape (1, 1, 1)"},
        RefusedFile{NpyFile(Dictionary("<f4", "(1, 2)", "True"), Bytes<float>({1, 2})),
                    "Fortran order"},
        RefusedFile{NpyFile(Dictionary("<f4", "(3,)"), Bytes<float>({1, 2})), "truncated: 8 bytes"},
        RefusedFile{NpyFile(Dictionary("<f4", "(4611686018427387904, 4)"), Bytes<float>({1})),
                    "truncated: 4 bytes"},
        RefusedFile{NpyFile(Dictionary("<f4", "(0, 9223372036854775807)"), Bytes<float>({1})),
                    "4 bytes after the data"},
        RefusedFile{NpyFile(Dictionary("<f4", "(1,)"), Bytes<float>({1, 2})),
                    "4 bytes after the data"}));

TEST(NpyTest, DamagedFilesAreReadOrRefusedButNeverCrash) {
  const std::string whole = NpyBytes(std::vector<int64_t>{4, 2}, std::vector<float>(8, 1.0f));
  Random random(5);
  for (int i = 0; i < 20000; ++i) {
    std::string file = whole.substr(0, whole.size() - random.Below(2) * random.Below(60));
    for (int k = 0; k < 2; ++k) file[random.Below(80)] = static_cast<char>(random.Next());
    const absl::StatusOr<NpyArray> array = ParseNpy(file);
    if (array.ok()) {
      EXPECT_LE(array->values.size(), file.size());
    }
  }
}

}  // namespace
}  // namespace millrace

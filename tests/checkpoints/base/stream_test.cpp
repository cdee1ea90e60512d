// Whole tensors in the order of their files: the bytes of read_bytes, refusals by the tensor's name, hashes.
#include <cstring>
#include <set>

#include "checkpoints/base/model_directory.h"
#include "kernels/host/hash.h"
#include "tests/checkpoints/support.h"

namespace hone::checkpoints {
namespace {

using test::expect_error, test::golden, test::TemporaryFolder;

std::map<std::string, std::vector<std::byte>> streamed(const ModelDirectory& model,
                                                       const std::vector<std::string>& names) {
  std::map<std::string, std::vector<std::byte>> all;
  std::set<std::string> ended;
  model.stream(names, [&](const TensorPiece& piece) {
    std::vector<std::byte>& bytes = all[names[piece.index]];
    EXPECT_EQ(piece.offset, bytes.size());
    EXPECT_EQ(piece.dtype, model.dtype(names[piece.index]));
    EXPECT_FALSE(ended.contains(names[piece.index]));
    bytes.insert(bytes.end(), piece.bytes.begin(), piece.bytes.end());
    if (piece.last) ended.insert(names[piece.index]);
  });
  EXPECT_EQ(ended.size(), names.size());
  return all;
}

TEST(Stream, GivesTheBytesOfEveryTensorOfShards) {
  const ModelDirectory model(golden("models/bf16_sharded"));
  std::vector<std::string> names = model.names();
  std::ranges::reverse(names);
  const auto all = streamed(model, names);
  for (const std::string& name : names) {
    std::vector<std::byte> bytes(all.at(name).size());
    model.read_bytes(name, 0, bytes);
    EXPECT_EQ(all.at(name), bytes) << name;
    EXPECT_FALSE(bytes.empty());
  }
  expect_error([&] { model.stream({"model.nrom.weight"}, [](const auto&) {}); }, ExitCode::input, "model.norm.weight");
}

// A model directory of one tensor of more than one piece and one that begins at an odd byte.
class Large : public testing::Test {
 protected:
  void write(const std::function<void(std::vector<uint16_t>&)>& change) {
    std::vector<uint16_t> values((5 << 20) + 3, 0x3F80);
    for (size_t i = 0; i < values.size(); ++i) values[i] = uint16_t(0x3C00 + i % 700);
    change(values);
    const auto bytes = std::as_bytes(std::span(values));
    const size_t whole = bytes.size() + 3;
    const std::string header = R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"BF16","shape":[)" +
                               std::to_string(values.size()) + R"(],"data_offsets":[3,)" + std::to_string(whole) +
                               "]}}";
    folder_.write("m/config.json", "{}");
    folder_.write(
        "m/model.safetensors",
        test::header_file(header, "xyz" + std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size())));
    values_ = values;
  }
  TemporaryFolder folder_;
  std::vector<uint16_t> values_;
};

TEST_F(Large, PiecesOfAnUnalignedTensorAreAlignedAndOfWholeBlocks) {
  write([](auto&) {});
  const ModelDirectory model(folder_ / "m");
  int pieces = 0;
  model.stream({"b"}, [&](const TensorPiece& piece) {
    ++pieces;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(piece.bytes.data()) % 8, 0u);
    EXPECT_TRUE(piece.last || piece.bytes.size() % 512 == 0);
    EXPECT_EQ(std::memcmp(piece.bytes.data(), reinterpret_cast<const char*>(values_.data()) + piece.offset,
                          piece.bytes.size()),
              0);
  });
  EXPECT_EQ(pieces, 2);
}

TEST_F(Large, WhatIsNotFiniteIsRefusedByName) {
  for (const size_t at : {size_t(0), size_t(31), size_t(4) << 20, (size_t(5) << 20) + 2})
    for (const uint16_t bad : {uint16_t(0x7F80), uint16_t(0xFF80), uint16_t(0x7FC1), uint16_t(0xFFFF)}) {
      write([&](auto& values) { values[at] = bad; });
      const ModelDirectory model(folder_ / "m");
      expect_error(
          [&] {
            model.stream({"a", "b"}, [](const auto&) {});
          },
          ExitCode::input, "model.safetensors: tensor b: holds a value that is not finite");
    }
}

TEST_F(Large, HashesAreHeldAgainstTheBytes) {
  write([](auto&) {});
  ModelDirectory model(folder_ / "m");
  const std::string_view bytes(reinterpret_cast<const char*>(values_.data()), values_.size() * 2);
  model.expect({{"a", xxh3_of("xyz")}, {"b", xxh3_of(bytes)}});
  streamed(model, {"a", "b"});
  model.expect({{"a", xxh3_of("xyz")}, {"b", xxh3_of(bytes.substr(1))}});
  expect_error([&] { streamed(model, {"a", "b"}); }, ExitCode::input, "tensor b: its bytes are not those");
}

}  // namespace
}  // namespace hone::checkpoints

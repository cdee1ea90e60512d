#include "data/shards/shard.h"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "data/shards/hdf5.h"
#include "kernels/host/error.h"
#include "kernels/host/file.h"
#include "kernels/host/json.h"
#include "tests/support/environment.h"
#include "tests/support/tiny_run.h"

namespace hone::data {
namespace {

constexpr int64_t kVocabulary = 1000;  // of the golden rows

std::vector<std::byte> bytes_of(const fs::path& file) {
  const InputFile input(file);
  std::vector<std::byte> bytes(size_t(input.size()));
  input.read_at(0, bytes);
  return bytes;
}

std::vector<Row> rows_from(const fs::path& file) {
  std::vector<Row> rows;
  for (const Json& r : read_json(file)) {
    rows.push_back({.number = r["number"],
                    .line = r["line"],
                    .file = r["file"],
                    .piece = r["piece"],
                    .answers = r["answers"],
                    .ends = r["ends"],
                    .content = r["content"].get<uint64_t>(),
                    .tokens = r["tokens"].get<std::vector<int32_t>>(),
                    .labels = r["labels"].get<std::vector<int32_t>>()});
  }
  return rows;
}

Shard shard_of(const std::vector<Row>& rows) {
  Shard shard;
  for (const Row& row : rows) shard.add(row);
  return shard;
}

void expect_rows(const Shard& shard, const std::vector<Row>& rows) {
  ASSERT_EQ(shard.count(), int64_t(rows.size()));
  for (int64_t i = 0; i < shard.count(); ++i) {
    const Row got = shard.row(i), &want = rows[size_t(i)];
    EXPECT_EQ(got.tokens, want.tokens) << i;
    EXPECT_EQ(got.labels, want.labels) << i;
    EXPECT_EQ(got.content, want.content) << i;
    EXPECT_EQ((std::vector<int64_t>{got.number, got.line, got.file, got.piece, got.answers, got.ends}),
              (std::vector<int64_t>{want.number, want.line, want.file, want.piece, want.answers, want.ends}))
        << i;
  }
}

std::string refusal(std::span<const std::byte> image, int64_t vocabulary = kVocabulary) {
  try {
    shard_from(image, "x.h5", vocabulary);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::input) << error.what();
    return error.what();
  }
  return {};
}

// Whether what the library gave to its callers was given back. Its identifiers count up, kind by kind: of those between
// two of our own none may be valid any more.
class Identifiers {
 public:
  static int64_t left_open(const Identifiers& first, const Identifiers& last) {
    int64_t open = H5Fget_obj_count(hid_t(H5F_OBJ_ALL), H5F_OBJ_ALL);  // files, datasets, attributes
    for (size_t kind = 0; kind < first.made_.size(); ++kind) {
      EXPECT_LT(first.made_[kind], last.made_[kind]);
      for (hid_t id = first.made_[kind]; id < last.made_[kind]; ++id) open += H5Iis_valid(id) > 0;
    }
    return open;
  }

 private:
  static hid_t closed(hid_t id) {
    EXPECT_GE(H5Idec_ref(id), 0);
    return id;
  }
  std::array<hid_t, 3> made_{closed(H5Screate(H5S_SCALAR)), closed(H5Tcopy(H5T_NATIVE_INT)),
                             closed(H5Pcreate(H5P_FILE_ACCESS))};
};

TEST(ShardGolden, ReadsWhatH5pyWrote) {
  const fs::path folder = test::golden("shards");
  std::vector<Row> rows = rows_from(folder / "rows.json");
  expect_rows(shard_from(bytes_of(folder / "h5py.h5"), "h5py.h5", kVocabulary), rows);
  rows[2].labels = {-100, 5, 6, -100, 7, 8, 9};  // as make_shards.py changed them
  const Shard labelled = shard_from(bytes_of(folder / "h5py_labels.h5"), "h5py_labels.h5", kVocabulary);
  EXPECT_TRUE(labelled.learned.empty());
  expect_rows(labelled, rows);
}

// hone.h5 is what hone writes for rows.json, hone.json what h5py read in it.
TEST(ShardGolden, WritesWhatH5pyReads) {
  const fs::path folder = test::golden("shards");
  const std::vector<Row> rows = rows_from(folder / "rows.json");
  const std::vector<std::byte> image = image_of(shard_of(rows));
  if (std::getenv("HONE_WRITE_GOLDEN")) {
    FileWriter file(folder / "hone.h5");
    file.write(image);
    file.commit();
    GTEST_SKIP() << "hone.h5 is written; now run make_shards.py";
  }
  EXPECT_EQ(read_json(folder / "hone.json"), read_json(folder / "rows.json"));
  EXPECT_TRUE(image == bytes_of(folder / "hone.h5")) << "the layout has changed: README.md, \"shards\"";
}

TEST(Shard, GivesBackItsRows) {
  std::vector<Row> rows = rows_from(test::golden("shards/rows.json"));
  for (const int odd : {-1, 0, 3}) {  // the first row whose labels are not its tokens
    SCOPED_TRACE(odd);
    if (odd >= 0) rows[size_t(odd)].labels[0] = 11;
    const Shard shard = shard_of(rows);
    EXPECT_EQ(shard.labels.empty(), odd < 0);
    expect_rows(shard, rows);
    const Shard read = shard_from(image_of(shard), "x.h5", kVocabulary);
    EXPECT_TRUE(read == shard);
    expect_rows(read, rows);
    EXPECT_EQ(read.content(), shard.content());
    if (odd >= 0) rows[size_t(odd)].labels[0] = kNotLearned;
  }
}

// HDF5 keeps times of its objects, in seconds, unless it is told not to.
TEST(Shard, EqualRowsGiveEqualBytesLaterToo) {
  const Shard shard = shard_of(rows_from(test::golden("shards/rows.json")));
  const std::vector<std::byte> first = image_of(shard), lengths = image_of_lengths(std::vector<int32_t>{3, 1});
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_TRUE(first == image_of(shard));
  EXPECT_TRUE(lengths == image_of_lengths(std::vector<int32_t>{3, 1}));
  EXPECT_EQ(lengths_from(lengths, "x.h5"), (std::vector<int32_t>{3, 1}));
}

TEST(Shard, ManyChunksSurvive) {
  Shard shard;
  for (int r = 0; r < 3000; ++r) {
    Row row;
    for (int i = 0; i < 100; ++i) row.tokens.push_back((r * 7 + i) % 997);
    row.labels = row.tokens, row.line = r;
    shard.add(row);
  }
  EXPECT_TRUE(shard_from(image_of(shard), "x.h5", kVocabulary) == shard);
}

TEST(ShardHostile, EachIsRefusedForItsReason) {
  const std::map<std::string, std::string> reasons{
      {"soft_link", "holds a soft link"},
      {"external_link", "holds an external link"},
      {"external_storage", "tokens: its values lie in another file"},
      {"virtual", "tokens: is neither chunked nor contiguous"},
      {"shape_bomb", "tokens: declares 1,099,511,627,776 values"},
      {"deflated_bomb", "tokens: declares 268,435,456 values"},
      {"chunk_bomb", "tokens: its chunks are larger than itself"},
      {"missing_chunks", "tokens: parts of it are not there"},
      {"unknown_filter", "tokens: uses filter 32000"},
      {"wrong_type", "tokens: holds values of another type"},
      {"big_endian", "tokens: holds values of another type"},
      {"wrong_rank", "tokens: expected one dimension"},
      {"group", "tokens: cannot be opened"},
      {"missing", "expected tokens, starts, rows and one of learned and labels, got 3"},
      {"one_too_many", "expected tokens, starts, rows and one of learned and labels, got 5"},
      {"wrong_format", "its format is not \"hone shard 1\""},
      {"no_format", "its format is not \"hone shard 1\""},
      {"starts_fall", "starts: row 1 ends before it begins"},
      {"starts_repeat", "starts: row 1 ends before it begins"},
      {"starts_beyond", "starts: expected 0 to 95, got 0 to 104"},
      {"starts_before", "starts: expected 0 to 95, got -1 to 94"},
      {"no_rows", "holds no rows"},
      {"fewer_rows", "rows: expected 5 by starts, got 4"},
      {"fewer_learned", "learned: expected 12 bytes, got 11"},
      {"token_beyond", "tokens: row 2 holds a token outside of the vocabulary of 1000"},
      {"token_negative", "tokens: row 2 holds a token outside"},
      {"label_beyond", "labels: row 2 holds a label outside"}};
  std::set<std::string> seen;
  for (const fs::path& file : entries_of(test::golden("shards/hostile"))) {
    const std::string name = file.stem().string();
    seen.insert(name);
    ASSERT_EQ(reasons.count(name), 1u) << name;
    const std::string got = refusal(bytes_of(file));
    EXPECT_NE(got.find("x.h5: " + reasons.at(name)), std::string::npos)
        << name << ": expected \"" << reasons.at(name) << "\", got \"" << got << "\"";
  }
  EXPECT_EQ(seen.size(), reasons.size());
}

TEST(ShardHostile, TheVocabularyIsTheModels) {
  const Shard shard = shard_of(rows_from(test::golden("shards/rows.json")));
  const int32_t largest = *std::ranges::max_element(shard.tokens);
  EXPECT_EQ(refusal(image_of(shard), largest + 1), "");
  EXPECT_NE(refusal(image_of(shard), largest).find("outside of the vocabulary of"), std::string::npos);
}

// Values have a checksum a chunk: any byte of them changed is refused. Of the rest of a file HDF5 has no checksum, so
// the manifest's is looked at before (PrepareTest.DamageIsNamedWithItsRows); here it must end in an Error or in rows.
TEST(ShardHostile, DamageEndsInAnErrorOrInRows) {
  const Shard shard = shard_of(rows_from(test::golden("shards/rows.json")));
  const std::vector<std::byte> image = image_of(shard);
  const auto values = std::as_bytes(std::span(shard.tokens));
  const auto found = std::search(image.begin(), image.end(), values.begin(), values.end());
  ASSERT_NE(found, image.end());
  const auto begin = size_t(found - image.begin()), end = begin + values.size();
  const Identifiers first;
  for (size_t at = 0; at < image.size(); at += at >= begin && at < end ? 1 : 7) {
    std::vector<std::byte> damaged = image;
    damaged[at] ^= std::byte{0x20};
    const std::string got = refusal(damaged);
    const bool noticed = got.find("tokens: cannot be read") != std::string::npos;
    EXPECT_TRUE(noticed || at < begin || at >= end) << at << got;
  }
  for (size_t size = 0; size < image.size(); size += 97) EXPECT_NE(refusal(std::span(image).first(size)), "") << size;
  EXPECT_EQ(Identifiers::left_open(first, {}), 0);
}

}  // namespace
}  // namespace hone::data

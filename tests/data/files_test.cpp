// Files as other programs write them: gzip, zstd, Parquet. The files and what they hold come from Python
// (tests/golden/make_rows.py).
#include <gtest/gtest.h>

#include "data/dataset.h"
#include "data/rows/bytes.h"
#include "data/rows/records.h"
#include "kernels/host/error.h"
#include "tests/support/environment.h"
#include "tests/support/letters.h"

namespace hone::data {
namespace {

struct Seen {
  std::vector<OrderedJson> records;
  std::vector<int64_t> lines;
  std::string problem;  // of the last record, with its line
  bool ends = false;
};
Seen records_of(const fs::path& path, size_t largest = kLargestRecord) {
  Seen seen;
  read_records(
      InputFile(path),
      [&](const Record& record) {
        EXPECT_FALSE(seen.ends);
        seen.ends = record.ends;
        if (record.problem.empty())
          seen.records.push_back(parse_ordered_json(record.text, "row")), seen.lines.push_back(record.line);
        else
          seen.problem = joined(record.line, ": ", record.problem);
      },
      largest);
  return seen;
}
OrderedJson expected(const char* what) {
  return parse_ordered_json(read_text(test::golden("data/rows/expected.json")), "expected.json")[what];
}
bool without_arrow(const Seen& seen) { return seen.problem.find("built without Arrow") != std::string::npos; }

TEST(DataFiles, GzipMembersAndZstdFrames) {
  const OrderedJson rows = expected("rows");
  for (const char* name : {"data/rows/rows.jsonl.gz", "data/rows/rows.jsonl.zst"}) {
    const Seen seen = records_of(test::golden(name));
    EXPECT_EQ(seen.problem, "") << name;
    ASSERT_EQ(seen.records.size(), rows.size()) << name;
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(seen.records[i], rows[i]) << name << " " << i;
      EXPECT_EQ(seen.lines[i], int64_t(i) + 1);
    }
  }
}

TEST(DataFiles, Parquet) {
  for (const auto& [file, what] : {std::pair("data/rows/rows.parquet", "rows"), {"data/rows/types.parquet", "types"}}) {
    const OrderedJson rows = expected(what);
    const Seen seen = records_of(test::golden(file));
    if (without_arrow(seen)) HONE_SKIP("HONE_REQUIRE_ARROW", "needs a build with Arrow");
    EXPECT_EQ(seen.problem, "");
    ASSERT_EQ(seen.records.size(), rows.size()) << file;
    for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(seen.records[i], rows[i]) << file << " " << i;
  }
}

// Wherever it is cut off: rows that are whole, then what is wrong with the file, never a crash.
TEST(DataFiles, CutOffAnywhere) {
  const test::TemporaryFolder folder;
  for (const char* name : {"rows.jsonl.gz", "rows.jsonl.zst", "types.parquet"}) {
    const std::string whole = read_text(test::golden("data/rows/" + std::string(name)));
    const size_t step = std::string(name) == "types.parquet" ? 61 : 7;
    for (size_t size = 24; size < whole.size(); size += step) {
      const Seen seen = records_of(folder.write(name, whole.substr(0, size)));
      if (seen.ends) continue;
      // A file that ends where a member does is whole, but for the line that it ends in.
      EXPECT_LT(seen.records.size(), 150u) << name << " " << size;
      EXPECT_TRUE(std::string(name) != "types.parquet") << size;
    }
  }
}

TEST(DataFiles, DamagedAnywhere) {
  const test::TemporaryFolder folder;
  for (const char* name : {"rows.jsonl.gz", "rows.jsonl.zst", "types.parquet"}) {
    const std::string whole = read_text(test::golden("data/rows/" + std::string(name)));
    for (size_t at = 12; at < whole.size(); at += 17) {
      std::string damaged = whole;
      damaged[at] = char(damaged[at] ^ 0x55);
      try {
        records_of(folder.write(name, damaged));
      } catch (const Error& error) {  // JSON that the damage made
        EXPECT_EQ(error.code(), ExitCode::input);
      }
    }
  }
}

TEST(DataFiles, WhatFollowsACompressedStream) {
  const test::TemporaryFolder folder;
  const std::string whole = read_text(test::golden("data/rows/rows.jsonl.gz"));
  EXPECT_EQ(records_of(folder.write("a", whole + std::string(100, '\0'))).problem, "");  // archives are padded so
  EXPECT_EQ(records_of(folder.write("a", whole + "{}")).problem, "151: the gzip data is damaged");
  EXPECT_EQ(records_of(folder.write("a", whole.substr(0, whole.size() - 3))).problem,
            "151: the compressed data ends too soon; is the file whole?");
}

// A record may be large, as in other files: but not without end, where few bytes say very many.
TEST(DataFiles, ABombEndsTheFile) {
  EXPECT_EQ(records_of(test::golden("data/rows/rows.jsonl.zst"), 5).problem,
            "1: decompresses to far more than a record can be");
}

TEST(DataFiles, TheSameRowsHoweverTheyAreStored) {
  const test::TemporaryFolder folder;
  test::write_letters_tokenizer(folder, "model");
  const Tokenizer letters = Tokenizer::load(folder / "model");
  ThreadPool pool(2);
  std::vector<std::vector<Row>> all;
  for (const char* name : {"rows.jsonl.gz", "rows.jsonl.zst", "rows.parquet"}) {
    DatasetOptions options{.files = {{test::golden("data/rows/" + std::string(name)), RowKind::messages}},
                           .layout = LayoutKind::plain};
    if (without_arrow(records_of(options.files[0].path))) continue;
    all.push_back(Dataset::read(options, &letters, pool).rows());
    ASSERT_EQ(all.back().size(), 150u);
    for (size_t i = 0; i < 150; ++i) {
      EXPECT_EQ(all.back()[i].tokens, all[0][i].tokens);
      EXPECT_EQ(all.back()[i].line, all[0][i].line);
    }
  }
}

}  // namespace
}  // namespace hone::data

#include "data/shards/prepare.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <map>

#include "data/batches/batches.h"
#include "kernels/core/random.h"
#include "kernels/host/error.h"
#include "tests/support/environment.h"
#include "tests/support/tiny_run.h"

namespace hone::data {
namespace {

using test::contents;

// Rows of 1 to 40 tokens; every tenth is too long, every eleventh learns nothing, every seventh is a copy of an
// earlier.
std::string rows_text(int count, uint32_t stream) {
  std::string text;
  for (int r = 0; r < count; ++r) {
    const int source = r % 7 == 6 ? r - 3 : r;
    const auto drawn = random_block({.seed = 5, .step = stream}, uint32_t(source));
    const int length = source % 10 == 9 ? 41 : 2 + int(drawn[0] % 39);
    std::string ids, labels;
    for (int i = 0; i < length; ++i) {
      const int token = int((drawn[1] + uint32_t(i) * 31) % 500);
      ids += (i ? "," : "") + std::to_string(token);
      labels += (i ? "," : "") + std::to_string(source % 11 == 10 || i < length / 3 ? -100 : token);
    }
    text += "{\"input_ids\":[" + ids + "],\"labels\":[" + labels + "]}\n" + (r % 5 == 0 ? "\n" : "");
  }
  return text;
}

class PrepareTest : public testing::Test {
 protected:
  PrepareOptions options(bool evaluation = false, double split = 0) {
    const auto file = [&](const std::string& name, int count, uint32_t stream) {
      if (!fs::exists(folder_ / name)) folder_.write(name, rows_text(count, stream));
      return DataFile{folder_ / name, RowKind::tokens};
    };
    PrepareOptions made{.folder = folder_ / "shards", .name = "rows", .evaluation_split = split, .shard_tokens = 700};
    made.train = {.files = {file("a.jsonl", 120, 0), file("b.jsonl", 60, 1)}, .max_length = 40, .vocabulary = 500};
    if (evaluation)
      made.evaluation = DatasetOptions{.files = {file("c.jsonl", 40, 0)}, .vocabulary = 500, .keep_all = true};
    return made;
  }
  Prepared run(const PrepareOptions& how, const Tokenizer* tokenizer = nullptr) {
    ThreadPool pool(1);
    return prepare(how, tokenizer, pool);
  }
  static std::vector<Row> rows_of(const RowBlocks& blocks) {
    std::vector<Row> rows;
    for (int64_t b = 0; b < blocks.blocks(); ++b) {
      const auto block = blocks.load(b);
      for (int64_t r = 0; r < block->count(); ++r) {
        Row row;
        row.tokens.resize(size_t(block->length(r))), row.labels.resize(row.tokens.size());
        block->copy(r, row.tokens.data(), row.labels.data());
        EXPECT_EQ(blocks.length(blocks.first_row(b) + r), block->length(r));
        rows.push_back(row);
      }
    }
    return rows;
  }
  // Stores the file within gzip instead.
  void compress(DataFile& file) {
    const std::string name = file.path.filename().string() + ".gz";
    const gzFile out = gzopen((folder_ / name).c_str(), "wb");
    const std::string bytes = contents(file.path);
    EXPECT_EQ(gzwrite(out, bytes.data(), unsigned(bytes.size())), int(bytes.size()));
    gzclose(out);
    file.path = folder_ / name;
  }
  static void expect_equal(const std::vector<Row>& got, const std::vector<Row>& want) {
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].tokens, want[i].tokens) << i;
      ASSERT_EQ(got[i].labels, want[i].labels) << i;
    }
  }
  // All files but the lock, by name.
  static std::map<std::string, std::string> bytes_of(const fs::path& folder) {
    std::map<std::string, std::string> all;
    for (const fs::path& file : entries_of(folder))
      if (file.filename() != "run.lock") all[file.filename().string()] = contents(file);
    return all;
  }
  std::string refusal(const PrepareOptions& how, ExitCode code = ExitCode::input) {
    try {
      run(how);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
    return {};
  }
  test::TemporaryFolder folder_;
};

// What shards hold is what reading into memory gives, and so is the receipt.
TEST_F(PrepareTest, HoldsWhatReadingGives) {
  for (const bool own : {false, true})
    for (const double split : {0.0, 0.2}) {
      if (own && split > 0) continue;
      SCOPED_TRACE(joined(own, " ", split));
      const PrepareOptions how = options(own, split);
      const Prepared prepared = run(how);
      EXPECT_FALSE(prepared.reused());
      EXPECT_GT(prepared.manifest().train.shards.size(), 3u);
      ThreadPool pool(2);
      Dataset train = Dataset::read(how.train, nullptr, pool), held_out;
      if (split > 0) std::tie(train, held_out) = train.split_by_hash(split);
      if (own) held_out = Dataset::read(*how.evaluation, nullptr, pool);
      expect_equal(rows_of(*prepared.train()), train.rows());
      const std::vector<Row> evaluation = prepared.evaluation();
      expect_equal(evaluation, held_out.rows());
      for (size_t i = 0; i < evaluation.size(); ++i) EXPECT_EQ(evaluation[i].number, held_out.rows()[i].number);
      const Receipt expected(train, own || split > 0 ? &held_out : nullptr, {}, split > 0);
      EXPECT_GT(expected.duplicates, 3);
      EXPECT_GT(expected.reading.too_long.count, 3);
      EXPECT_EQ(prepared.receipt().text(), expected.text());
      EXPECT_EQ(prepared.receipt().json(), expected.json());
    }
}

// The same with rows that are split, repeated and left out by weight, and with compressed files.
TEST_F(PrepareTest, HoldsWhatWeightsAndSplittingGive) {
  for (const TooLong what : {TooLong::split, TooLong::truncate, TooLong::drop}) {
    PrepareOptions how = options(false, 0.2);
    how.train.max_length = 13, how.train.too_long = what;
    how.train.files[0].weight = 2.5, how.train.files[1].weight = 0.4;
    const Prepared prepared = run(how);
    ThreadPool pool(2);
    const auto [train, held_out] = Dataset::read(how.train, nullptr, pool).split_by_hash(0.2);
    expect_equal(rows_of(*prepared.train()), train.rows());
    expect_equal(prepared.evaluation(), held_out.rows());
    const Receipt expected(train, &held_out, {}, true);
    EXPECT_GT(expected.repeated, 20);
    EXPECT_GT(expected.reading.left_out, 4);
    EXPECT_EQ(prepared.receipt().text(), expected.text());
    EXPECT_EQ(prepared.receipt().json(), expected.json());
  }
}

TEST_F(PrepareTest, ASecondRunTakesWhatIsThere) {
  const PrepareOptions how = options(false, 0.2);
  const Prepared first = run(how);
  const auto bytes = bytes_of(first.folder());
  const Prepared second = run(how);
  EXPECT_TRUE(second.reused());
  EXPECT_EQ(second.folder(), first.folder());
  EXPECT_EQ(second.receipt().json(), first.receipt().json());
  EXPECT_EQ(second.hash(), first.hash());
  expect_equal(rows_of(*second.train()), rows_of(*first.train()));
  EXPECT_EQ(bytes_of(first.folder()), bytes);
  // Another place, more threads, other names of the files: the same bytes.
  PrepareOptions elsewhere = how;
  elsewhere.folder = folder_ / "elsewhere";
  fs::rename(folder_ / "b.jsonl", folder_ / "renamed.jsonl");
  elsewhere.train.files[1].path = folder_ / "renamed.jsonl";
  ThreadPool pool(3);
  EXPECT_EQ(bytes_of(prepare(elsewhere, nullptr, pool).folder()), bytes);
}

TEST_F(PrepareTest, WhatDecidesOnRowsHasAFolderOfItsOwn) {
  std::set<fs::path> folders{run(options()).folder()};
  PrepareOptions shorter = options();
  shorter.train.max_length = 39;
  folders.insert(run(shorter).folder());
  folders.insert(run(options(true)).folder());
  folders.insert(run(options(false, 0.1)).folder());
  PrepareOptions large = options();
  large.train.vocabulary = 501;
  folders.insert(run(large).folder());
  PrepareOptions plain = options();
  plain.train.layout = LayoutKind::plain;
  folders.insert(run(plain).folder());
  for (const char* name : {"byte_level.json", "some_bytes.json"}) {
    const Tokenizer tokenizer = Tokenizer::load(test::golden("tokenizers/small") / name);
    folders.insert(run(options(), &tokenizer).folder());
  }
  folder_.write("a.jsonl", rows_text(120, 0) + "\n");
  folders.insert(run(options()).folder());
  EXPECT_EQ(folders.size(), 9u);
}

// The process ends at every single call that changes something on the disk, as by SIGKILL; the next run ends with the
// bytes of a run that nobody disturbed.
TEST_F(PrepareTest, KilledAnywhereEndsWithTheSameBytes) {
  for (const bool own : {false, true}) {
    SCOPED_TRACE(own ? "evaluation of its own" : "evaluation split off");
    PrepareOptions how = options(own, own ? 0 : 0.2);
    how.shard_tokens = own ? 500 : 1500;
    if (!own) {  // shards then end between the pieces and the copies of a row, too
      how.train.max_length = 17, how.train.too_long = TooLong::split;
      how.train.files[0].weight = 1.5, how.train.files[1].weight = 0.5;
      compress(how.train.files[0]);
    }
    const auto whole = bytes_of(run(how).folder());
    ASSERT_GE(whole.size(), 6u);  // two shards of each part, lengths, manifest
    ASSERT_TRUE(whole.contains("evaluation-000001.h5"));
    how.folder = folder_ / "killed";
    int calls = 0, kept = 0;
    for (bool ended = false; !ended; ++calls) {
      fs::remove_all(how.folder);
      const pid_t child = ::fork();
      if (child == 0) {
        int left = calls;
        set_file_fault([&](std::string_view, const fs::path&) {
          if (left-- == 0) ::_exit(9);
          return 0;
        });
        run(how);
        ::_exit(0);
      }
      int status = 0;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      ASSERT_TRUE(WIFEXITED(status));
      ended = WEXITSTATUS(status) == 0;
      int opened = 0;  // shards that the second run writes
      set_file_fault([&](std::string_view call, const fs::path& path) {
        opened += call == "open" && path.extension() == ".h5";
        return 0;
      });
      const Prepared again = run(how);
      set_file_fault({});
      EXPECT_TRUE(again.reused() || !ended);
      ASSERT_EQ(bytes_of(again.folder()), whole) << "killed at call " << calls;
      kept += int(whole.size()) - 1 - opened;
    }
    EXPECT_GT(calls, 30);
    EXPECT_GT(kept, calls) << "finished shards are to be kept";
  }
}

// What an I/O error leaves behind is as good.
TEST_F(PrepareTest, AFailedWriteIsSaidAndMadeGood) {
  const PrepareOptions how = options();
  int left = 6;
  set_file_fault([&](std::string_view call, const fs::path&) { return call == "write" && left-- == 0 ? ENOSPC : 0; });
  EXPECT_NE(refusal(how, ExitCode::io).find("cannot write: No space left"), std::string::npos);
  set_file_fault({});
  const auto resumed = bytes_of(run(how).folder());
  PrepareOptions elsewhere = how;
  elsewhere.folder = folder_ / "elsewhere";
  EXPECT_EQ(resumed, bytes_of(run(elsewhere).folder()));
}

TEST_F(PrepareTest, DamageIsNamedWithItsRows) {
  const PrepareOptions how = options(false, 0.2);
  const Prepared prepared = run(how);
  const std::string second = prepared.manifest().train.shards[1].file.name;
  const int64_t first_row = prepared.manifest().train.shards[0].rows,
                last_row = first_row + prepared.manifest().train.shards[1].rows - 1;
  const fs::path file = prepared.folder() / second;
  const std::string whole = contents(file), rows = joined(second, " (rows ", first_row, " to ", last_row, "): damaged");
  const auto blocks = prepared.train();
  const auto write = [&](const std::string& text) { folder_.write(fs::relative(file, folder_.path()).string(), text); };
  for (size_t at = 0; at < whole.size(); at += whole.size() / 13) {
    std::string flipped = whole;
    flipped[at] = char(flipped[at] ^ 1);
    write(flipped);
    const std::string got = refusal(how);
    EXPECT_NE(got.find(rows), std::string::npos) << got;
    EXPECT_NE(got.find("hone prepare RECIPE --rebuild"), std::string::npos) << got;
    EXPECT_THROW(blocks->load(1), Error);
  }
  write(whole.substr(0, whole.size() / 2));
  EXPECT_NE(refusal(how).find(rows + ": expected"), std::string::npos);
  fs::remove(file);
  EXPECT_NE(refusal(how).find(second), std::string::npos);
  write(whole);
  EXPECT_EQ(refusal(how), "");
  EXPECT_NO_THROW(blocks->load(1));

  for (const char* name : {"train-lengths.h5", "evaluation-000000.h5"}) {
    const fs::path other = prepared.folder() / name;
    const std::string before = contents(other);
    fs::resize_file(other, before.size() - 1);
    EXPECT_NE(refusal(how).find(name), std::string::npos);
    folder_.write(fs::relative(other, folder_.path()).string(), before);
  }
  fs::remove(file);
  PrepareOptions rebuild = how;
  rebuild.rebuild = true;
  EXPECT_FALSE(run(rebuild).reused());
  EXPECT_EQ(contents(file), whole);
}

TEST_F(PrepareTest, ShardsOfOtherDataAreRefusedWithBothFingerprints) {
  const Tokenizer tokenizer = Tokenizer::load(test::golden("tokenizers/small/byte_level.json"));
  PrepareOptions shorter = options(), plain = options();
  shorter.train.max_length = 39, plain.train.layout = LayoutKind::plain;
  const Prepared ours = run(options());
  for (const auto& [theirs, difference] : {std::pair{run(shorter), "different: train"},
                                           {run(plain), "different: train"},
                                           {run(options(), &tokenizer), "different: tokenizer"}}) {
    fs::remove_all(ours.folder());
    fs::copy(theirs.folder(), ours.folder());
    const std::string got = refusal(options());
    for (const std::string& part :
         {theirs.manifest().fingerprint, ours.manifest().fingerprint, std::string(difference)})
      EXPECT_NE(got.find(part), std::string::npos) << got;
  }
}

TEST_F(PrepareTest, AManifestThatIsNoneIsRefused) {
  const Prepared prepared = run(options());
  const fs::path file = prepared.folder() / "manifest.json";
  const std::string whole = contents(file);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    EXPECT_NE(text.find(from), std::string::npos) << from;
    text.replace(text.find(from), from.size(), to);
    folder_.write(fs::relative(file, folder_.path()).string(), text);
    return refusal(options());
  };
  EXPECT_NE(with("{", "").find("manifest.json"), std::string::npos);
  EXPECT_NE(with("hone shards 1", "hone shards 2").find("format"), std::string::npos);
  EXPECT_NE(with("train-000001.h5", "../train-000001.h5").find("the name of a file in this folder"), std::string::npos);
  EXPECT_NE(with("\"complete\": true", "\"complete\": 1").find("complete"), std::string::npos);
  EXPECT_NE(with("\"rows\": 1", "\"rows\": -1").find("rows"), std::string::npos);
  EXPECT_NE(with("\"lengths\": {", "\"other\": {").find("lengths"), std::string::npos);
  // The lines that are named belong to files of the data, up to five.
  EXPECT_NE(with("[\n     0,\n", "[\n     2,\n").find("from 0 to 1"), std::string::npos);
  EXPECT_NE(with("\"count\": 1", "\"count\": 3, \"was\": 1").find("as many pairs as are counted"), std::string::npos);
}

TEST_F(PrepareTest, BrokenDataLeavesNoShards) {
  folder_.write("a.jsonl", rows_text(100, 0) + "{\"input_ids\": [1, 500]}\n" + rows_text(100, 1));
  const std::string got = refusal(options());
  EXPECT_NE(got.find("a.jsonl:121: token 1 lies outside"), std::string::npos) << got;
  EXPECT_TRUE(fs::is_empty(folder_ / "shards"));
}

// Long texts are cut into pieces; a shard may end inside of one, and reading goes on there.
TEST_F(PrepareTest, ReadingGoesOnInsideOfAText) {
  HONE_NEEDS_FIXTURES();
  const Tokenizer tokenizer = Tokenizer::load(*test::fixtures() / "models/stories260K-hf");
  std::string text = "Once upon a time there was a little dog. ";
  for (int i = 0; i < 6; ++i) text += text;
  folder_.write("long.jsonl", Json{{"text", text}}.dump() + "\n{\"text\": \"Short.\"}\n" + Json{{"text", text}}.dump());
  folder_.write("whole.txt", text);
  DatasetOptions options{.files = {{folder_ / "long.jsonl", RowKind::text}, {folder_ / "whole.txt", RowKind::text}},
                         .max_length = 50};
  ThreadPool pool(1);
  const Dataset whole = Dataset::read(options, &tokenizer, pool);
  ASSERT_GT(whole.rows().size(), 30u);
  std::vector<std::pair<Reading, ReadPosition>> stops;
  const auto note = [&](Row&&, const Reading& reading, const ReadPosition& at) { stops.emplace_back(reading, at); };
  read_rows(options, &tokenizer, pool, {.take = note});
  ASSERT_EQ(stops.size(), whole.rows().size());
  for (size_t stop = 0; stop < stops.size(); ++stop) {
    std::vector<Row> rest;
    const auto take = [&](Row&& row, const Reading&, const ReadPosition&) { rest.push_back(std::move(row)); };
    const Reading reading =
        read_rows(options, &tokenizer, pool, {.take = take, .from = stops[stop].second, .reading = stops[stop].first});
    EXPECT_EQ(reading.read, whole.reading().read);
    EXPECT_EQ(reading.cut.count, whole.reading().cut.count);
    EXPECT_EQ(reading.truncated, whole.reading().truncated);
    expect_equal(rest, {whole.rows().begin() + int64_t(stop) + 1, whole.rows().end()});
  }
}

}  // namespace
}  // namespace hone::data

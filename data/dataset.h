// Data files read into rows of tokens: one at a time (read_rows), or all in memory (Dataset).
//   const Dataset all = Dataset::read({.files = {{"train.jsonl", RowKind::messages}}, .max_length = 4096,
//                                      .vocabulary = 128256}, &tokenizer, pool);
//   auto [train, evaluation] = all.split_by_hash(0.02);
//   print(Receipt(train, &evaluation, {}).text());
#pragma once
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "data/rows/kinds/kinds.h"
#include "data/rows/row_encoder.h"
#include "kernels/host/file.h"
#include "kernels/host/thread_pool.h"

namespace hone::data {

struct DataFile {
  fs::path path;  // what read_records splits; or (text) a .txt file, which may be compressed too: one text as a whole
  RowKind kind = RowKind::messages;
  Names names{};           // where the file has others for its fields and roles
  double weight = 1;       // how many times training takes its rows: 2 twice, 0.5 a fixed half of them, by hash
  bool append_end = true;  // texts end with the end token
  bool turns = false;      // prompts and answers become turns of the chat format
};

// Whether a file of texts is one text, by its name: .txt, .txt.gz, .txt.zst …
bool is_whole_text(const DataFile& file);

enum class TooLong {  // what happens to rows longer than max_length; all of it is counted
  automatic,          // texts are split, other rows dropped
  drop,
  split,    // into consecutive pieces; those without a learned token are left out
  truncate  // to their beginning
};

struct DatasetOptions {
  std::vector<DataFile> files{};
  TrainOn train_on = TrainOn::answers;
  LayoutKind layout = LayoutKind::chatml;
  std::shared_ptr<const ChatFormat> chat{};     // null: the built-in `layout`
  std::vector<std::string> roles{"assistant"};  // whose messages are answers
  int64_t max_length = 0;                       // tokens of a row; 0: any length
  TooLong too_long = TooLong::automatic;
  int64_t vocabulary = 0;  // the model's: every token lies below it; 0: not known
  bool skip_bad = false;   // rows that cannot be read are left out and counted; else they end the reading
  // For evaluation, which reports every row: keep those without a learned token, though never empty ones, and all but
  // texts whatever their length; take each once, whatever the weights.
  bool keep_all = false;
};

struct Place {
  int32_t file = 0;
  int64_t line = 0;  // 1-based
};
struct Places {
  int64_t count = 0;
  std::vector<Place> first;  // at most five
  void add(Place place);
};

// What reading did, beside the rows it gave.
struct Reading {
  int64_t read = 0;       // rows in the files; a broken record counts as one
  Places bad;             // left out: cannot be read
  Places too_long;        // dropped: longer than max_length
  Places unlearned;       // dropped: without a learned token
  Places cut;             // split into pieces of max_length
  Places shortened;       // truncated to max_length
  int64_t dropped = 0;    // tokens of rows that are too long and not used
  int64_t truncated = 0;  // tokens lost in splitting and truncating
  int64_t left_out = 0;   // rows that a weight below 1 leaves out
  int64_t pairs = 0;      // preference pairs that are whole; they give no rows yet
};

// How far reading has come: the record that gave the last row, and how many rows it gave until then.
struct ReadPosition {
  int32_t file = 0;    // the number of files: all were read
  int64_t record = 0;  // 0-based in the file
  int64_t rows = 0;    // 0: nothing was read yet
  bool operator==(const ReadPosition&) const = default;
};

struct RowReading {
  // Each row in the order of the files; what `so_far` counts and `after` say is as of this row. Not called any more
  // once something is wrong with a file: then reading goes on for the list of problems alone.
  std::function<void(Row&& row, const Reading& so_far, const ReadPosition& after)> take;
  // Where an earlier reading stopped; its rows are passed over.
  ReadPosition from{};
  Reading reading{};
  // Called now and then with the bytes read of the file.
  std::function<void(int32_t file, uint64_t bytes)> progress{};
};
// What Dataset::read does, without keeping the rows: memory is bounded by the longest records, not by the files.
Reading read_rows(const DatasetOptions& options, const Tokenizer* tokenizer, ThreadPool& pool,
                  const RowReading& reading);

// How many times training takes a row: the file's weight, of whose fraction a row has its share by its hash.
int64_t copies_of(uint64_t content, double weight);

// Whether a row is held out for evaluation, by its key alone.
bool is_held_out(const Row& row, double fraction);

class Dataset {
 public:
  Dataset() = default;
  // Reads all files; the same rows with any number of threads. Rows longer than max_length go the way of too_long; a
  // .txt file is one text, always split, and each of its pieces counts as a row of the file. Rows without a learned
  // token are dropped and counted.
  // Rows that are broken, of another schema, too large, or with tokens outside of the vocabulary end it with one Error
  // (ExitCode::input) that counts them all and names the first, by file, line and reason; with skip_bad they are left
  // out and counted. What is wrong with a file as a whole ends it always. `tokenizer` may be null where all files are
  // tokens.
  static Dataset read(const DatasetOptions& options, const Tokenizer* tokenizer, ThreadPool& pool);

  const std::vector<Row>& rows() const { return rows_; }
  const Reading& reading() const { return reading_; }
  const std::vector<DataFile>& files() const { return files_; }

  // Training and evaluation: a row is held out by its key alone (content.h), so that tokenizer, order, seed and other
  // rows do not change it. Rows of one record, pieces of one row, and rows with the same prompt stay together. What is
  // held out is there once, whatever its weight. Reading goes with the first.
  std::pair<Dataset, Dataset> split_by_hash(double fraction) const;

 private:
  std::vector<DataFile> files_;
  std::vector<Row> rows_;
  Reading reading_;
};

}  // namespace hone::data

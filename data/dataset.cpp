#include "data/dataset.h"

#include <algorithm>
#include <string>

#include "data/rows/records.h"
#include "kernels/host/error.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
constexpr size_t kShown = 5;
constexpr size_t kChunkBytes = size_t(8) << 20;  // records encoded at once by the threads

class Problems {
 public:
  void add(const std::string& text) {
    if (++count_ <= int64_t(kShown)) text_ += "\n  " + text;
  }
  void throw_if_any() const {
    if (count_ == 0) return;
    const std::string more =
        count_ > int64_t(kShown) ? "\n  … and " + with_commas(count_ - int64_t(kShown)) + " more" : "";
    fail(ExitCode::input, with_commas(count_), count_ == 1 ? " problem" : " problems",
         " in the data, nothing was started:", text_, more);
  }

 private:
  int64_t count_ = 0;
  std::string text_;
};

struct Pending {  // a record on its way to a row
  int64_t number = 0, line = 0;
  std::string text, problem;
  bool ends = false;
  Encoded encoded{};
  uint64_t content = 0;
};

// The rest of a message after "place: ": parse_json puts the place first.
std::string without(std::string_view place, std::string_view message) {
  if (message.starts_with(place)) message.remove_prefix(place.size());
  while (message.starts_with(':') || message.starts_with(' ')) message.remove_prefix(1);
  return std::string(message);
}

class Reader {
 public:
  Reader(const DatasetOptions& options, const Tokenizer* tokenizer, ThreadPool& pool, const RowReading& how)
      : options_(options), tokenizer_(tokenizer), pool_(pool), how_(how), reading_(how.reading) {}

  void file(int32_t index) {
    const DataFile& file = options_.files[size_t(index)];
    const RowEncoder encoder({file.kind, options_.train_on, options_.layout}, tokenizer_);
    index_ = index, encoder_ = &encoder, any_ = failed_ = false;
    if (file.kind == RowKind::text && file.path.extension() == ".txt") {
      whole_text(file.path);
    } else {
      records(InputFile(file.path));
    }
    if (!any_ && !failed_) problem(0, "holds no rows");
  }
  Reading finish() const {
    problems_.throw_if_any();
    return reading_;
  }

 private:
  void problem(int64_t line, std::string_view reason) {
    const std::string path = options_.files[size_t(index_)].path.string();
    problems_.add(line > 0 ? joined(path, ":", line, ": ", reason) : joined(path, ": ", reason));
    failed_ = any_failed_ = true;
  }

  void give(Row&& row, int64_t record, int64_t rows_of_record) {
    if (!any_failed_) how_.take(std::move(row), reading_, {index_, record, rows_of_record});
  }
  void show_progress(uint64_t bytes) const {
    if (how_.progress) how_.progress(index_, bytes);
  }
  // Rows of this record that an earlier reading gave.
  int64_t given(int64_t record) const {
    return index_ == how_.from.file && record == how_.from.record ? how_.from.rows : 0;
  }

  void records(const InputFile& file) {
    std::vector<Pending> pending;
    size_t held = 0;
    read_records(file, [&](const Record& record) {
      any_ = true;
      if (index_ == how_.from.file && record.number < how_.from.record) return;
      pending.push_back(
          {record.number, record.line, std::string(record.text), std::string(record.problem), record.ends});
      held += record.text.size();
      if (held >= kChunkBytes || pending.size() >= 4096) {
        encode(pending);
        pending.clear(), held = 0;
        show_progress(record.end);
      }
    });
    encode(pending);
    show_progress(file.size());
  }

  void encode(std::vector<Pending>& pending) {
    pool_.run(int64_t(pending.size()), [&](int64_t i) {
      Pending& record = pending[size_t(i)];
      if (!record.problem.empty()) return;
      try {
        record.encoded = encoder_->encode(parse_json(record.text, "row", {.bytes = kLargestRecord}));
        record.content = content_hash(record.encoded.tokens);
        record.problem = outside(record.encoded);
      } catch (const std::exception& error) {
        record.problem = without("row", error.what());
      }
      record.text = {};
    });
    for (Pending& record : pending) {
      reading_.read += given(record.number) == 0;
      if (!record.problem.empty() && options_.skip_bad && !record.ends) {
        reading_.bad.add({index_, record.line});
      } else if (!record.problem.empty()) {
        problem(record.line, record.problem);
      } else {
        add(record);
      }
    }
  }

  // What is wrong with the tokens; empty where nothing is.
  std::string outside(const Encoded& row) const {
    if (options_.vocabulary <= 0) return {};
    for (size_t i = 0; i < row.tokens.size(); ++i)
      if (row.tokens[i] >= options_.vocabulary || row.labels[i] >= options_.vocabulary)
        return joined("token ", i, " lies outside of the model's vocabulary of ", options_.vocabulary);
    return {};
  }

  bool is_text() const { return options_.files[size_t(index_)].kind == RowKind::text; }

  void add(Pending& record) {
    Encoded& encoded = record.encoded;
    Row row{.number = record.number,
            .line = record.line,
            .file = index_,
            .answers = int32_t(encoded.answers),
            .ends = int32_t(encoded.ends),
            .content = record.content};
    const size_t longest = options_.max_length > 0 ? size_t(options_.max_length) : encoded.tokens.size();
    if (encoded.tokens.size() > longest && is_text()) return cut(encoded, longest, row, false);
    if (given(record.number) > 0) return;
    row.tokens = std::move(encoded.tokens), row.labels = std::move(encoded.labels);
    if (row.tokens.size() > longest) {
      reading_.too_long.add({index_, record.line});
    } else if (row.tokens.empty() || (row.learned() == 0 && !options_.keep_all)) {
      reading_.unlearned.add({index_, record.line});
    } else {
      give(std::move(row), record.number, 1);
    }
  }

  // Consecutive pieces; their first tokens are not learned, for nothing stands before them.
  void cut(const Encoded& encoded, size_t longest, Row row, bool pieces_are_rows) {
    const size_t all = encoded.tokens.size(), lost = all % longest == 1 ? 1 : 0;
    const auto pieces = int64_t((all - lost + longest - 1) / longest);
    const int64_t record = row.number, before = given(record);
    if (before == 0) {
      reading_.cut += all > longest;
      reading_.truncated += int64_t(lost);
      if (pieces_are_rows) reading_.read += pieces;
    }
    for (int64_t piece = before; piece < pieces; ++piece) {
      const int64_t at = piece * int64_t(longest), end = std::min(at + int64_t(longest), int64_t(all));
      row.tokens.assign(encoded.tokens.begin() + at, encoded.tokens.begin() + end);
      row.labels.assign(encoded.labels.begin() + at, encoded.labels.begin() + end);
      row.labels[0] = kNotLearned;
      if (pieces_are_rows)
        row.number = piece, row.content = content_hash(row.tokens);
      else
        row.piece = int32_t(piece);
      give(Row(row), record, piece + 1);
    }
  }

  void whole_text(const fs::path& path) {
    const std::string text = read_text(path, uint64_t(256) << 20);
    if (text.starts_with("\xEF\xBB\xBF")) {
      problem(1, "begins with a byte-order mark; save it as UTF-8 without one");
    } else if (const size_t at = text.find('\0'); at != std::string::npos) {
      problem(1 + std::count(text.begin(), text.begin() + int64_t(at), '\n'), "contains a NUL byte");
    } else if (!valid_utf8(text)) {
      size_t begin = 0;
      int64_t line = 1;
      for (size_t end; (end = text.find('\n', begin)) != std::string::npos && valid_utf8({&text[begin], end - begin});
           begin = end + 1)
        ++line;
      problem(line, "is not valid UTF-8");
    } else if (!text.empty()) {
      const Encoded encoded = encoder_->encode_text(text);
      if (const std::string wrong = outside(encoded); !wrong.empty()) return problem(1, wrong);
      const size_t longest = options_.max_length > 0 ? size_t(options_.max_length) : encoded.tokens.size();
      cut(encoded, longest, Row{.line = 1, .file = index_}, true);
      any_ = encoded.tokens.size() > 1;
      show_progress(text.size());
    }
  }

  const DatasetOptions& options_;
  const Tokenizer* tokenizer_;
  ThreadPool& pool_;
  const RowReading& how_;
  Reading reading_;
  Problems problems_;
  const RowEncoder* encoder_ = nullptr;
  int32_t index_ = 0;
  bool any_ = false, failed_ = false;  // of this file
  bool any_failed_ = false;
};
}  // namespace

void Places::add(Place place) {
  if (++count <= int64_t(kShown)) first.push_back(place);
}

Reading read_rows(const DatasetOptions& options, const Tokenizer* tokenizer, ThreadPool& pool,
                  const RowReading& reading) {
  require(options.max_length == 0 || options.max_length >= 2, ExitCode::usage,
          "data.max_length must be at least 2, got ", options.max_length);
  require(!options.files.empty(), ExitCode::usage, "no data files are given");
  Reader reader(options, tokenizer, pool, reading);
  for (size_t i = size_t(reading.from.file); i < options.files.size(); ++i) reader.file(int32_t(i));
  return reader.finish();
}

bool is_held_out(const Row& row, double fraction) { return double(row.content >> 11) * 0x1p-53 < fraction; }

Dataset Dataset::read(const DatasetOptions& options, const Tokenizer* tokenizer, ThreadPool& pool) {
  Dataset dataset;
  dataset.files_ = options.files;
  const auto take = [&](Row&& row, const Reading&, const ReadPosition&) { dataset.rows_.push_back(std::move(row)); };
  dataset.reading_ = read_rows(options, tokenizer, pool, {.take = take});
  return dataset;
}

std::pair<Dataset, Dataset> Dataset::split_by_hash(double fraction) const {
  require(fraction >= 0 && fraction < 1, ExitCode::usage, "data.evaluation_split must lie in 0 … 1, got ", fraction);
  std::pair<Dataset, Dataset> parts;
  parts.first.files_ = parts.second.files_ = files_;
  parts.first.reading_ = reading_;
  for (const Row& row : rows_) (is_held_out(row, fraction) ? parts.second : parts.first).rows_.push_back(row);
  return parts;
}

}  // namespace hone::data

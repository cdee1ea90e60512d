#include "data/dataset.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <tuple>

#include "data/rows/bytes.h"
#include "data/rows/records.h"
#include "kernels/host/error.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
constexpr size_t kShown = 5;
constexpr size_t kLargestText = size_t(256) << 20;
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

struct Pending {  // a record on its way to rows
  struct Item {
    Encoded encoded{};
    uint64_t content = 0;
    std::optional<Encoded> rejected{};  // of a preference pair
  };
  int64_t number = 0, line = 0;
  std::string text, problem;
  bool ends = false;
  uint64_t key = 0;
  std::vector<Item> items{};
};

// 0 … 1 by a row's content, unlike what splits off rows for evaluation.
double share_of(uint64_t content) {
  uint64_t x = content + 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return double((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

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
    const RowReader reader(file.kind, file.names);
    const RowEncoder encoder(
        {file.kind, options_.train_on, options_.layout, file.append_end, options_.chat, options_.roles, file.turns},
        tokenizer_);
    index_ = index, reader_ = &reader, encoder_ = &encoder, any_ = failed_ = false;
    if (is_whole_text(file)) {
      whole_text(InputFile(file.path));
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
        read(record);
      } catch (const std::exception& error) {
        record.problem = without("row", error.what());
      }
      record.text = {};
    });
    for (Pending& record : pending) {
      if (record.problem.empty()) {
        add(record);
        continue;
      }
      ++reading_.read;
      if (options_.skip_bad && !record.ends)
        reading_.bad.add({index_, record.line});
      else
        problem(record.line, record.problem);
    }
  }

  void read(Pending& record) const {
    const std::vector<Content> said = reader_->parse(record.text);
    record.key = split_key(said.at(0));
    for (const Content& content : said) {
      Pending::Item& item = record.items.emplace_back();
      if (const auto* pair = std::get_if<Preference>(&content)) {
        auto [chosen, rejected] = encoder_->encode_pair(*pair);
        item.encoded = std::move(chosen), item.rejected = std::move(rejected);
        if (record.problem.empty()) record.problem = outside(*item.rejected);
      } else {
        item.encoded = encoder_->encode(content);
      }
      item.content = content_hash(item.encoded.tokens);
      if (record.problem.empty()) record.problem = outside(item.encoded);
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

  // max_length, or as many tokens as there are where any length will do.
  size_t longest_of(const Encoded& row) const {
    const bool any = options_.max_length <= 0 || (options_.keep_all && reader_->kind().form != Form::text);
    return any ? std::max<size_t>(row.tokens.size(), 1) : size_t(options_.max_length);
  }
  TooLong policy() const {
    if (options_.too_long != TooLong::automatic) return options_.too_long;
    return reader_->kind().form == Form::text ? TooLong::split : TooLong::drop;
  }

  // The rows of a record, of which an earlier reading perhaps gave the first ones, and counted what stands before them.
  void add(Pending& record) {
    record_ = record.number, rows_ = 0;
    for (Pending::Item& item : record.items) {
      counted_ = rows_ < given(record.number);
      if (!counted_) ++reading_.read;
      if (item.rejected)
        pair(record, item);
      else
        row(record, item);
    }
  }

  void row(const Pending& record, Pending::Item& item) {
    Encoded& encoded = item.encoded;
    Row row{.number = record.number,
            .line = record.line,
            .file = index_,
            .answers = int32_t(encoded.answers),
            .ends = int32_t(encoded.ends),
            .content = item.content,
            .key = record.key};
    const size_t longest = longest_of(encoded), all = encoded.tokens.size();
    if (all > longest && policy() == TooLong::split) return split(encoded, longest, row, false);
    if (all > longest && policy() == TooLong::drop) {
      if (!counted_) reading_.too_long.add({index_, record.line}), reading_.dropped += int64_t(all);
      return;
    }
    const size_t kept = std::min(all, longest);
    if (all > longest)
      std::tie(row.answers, row.ends) = answers_in(encoded, runs_of(encoded) == encoded.answers, 0, kept);
    row.tokens = std::move(encoded.tokens), row.labels = std::move(encoded.labels);
    row.tokens.resize(kept), row.labels.resize(kept);
    if (!learns(row)) {
      if (!counted_)
        reading_.unlearned.add({index_, record.line}), reading_.dropped += all > longest ? int64_t(all) : 0;
      return;
    }
    if (all > longest && !counted_)
      reading_.shortened.add({index_, record.line}), reading_.truncated += int64_t(all - longest);
    const int64_t copies = copies_of(row.content);
    if (copies == 0 && !counted_) ++reading_.left_out;
    give_copies(std::move(row), copies);
  }

  // Consecutive pieces; their first tokens are not learned, for nothing stands before them. A piece in which nothing is
  // learned is left out.
  void split(const Encoded& encoded, size_t longest, const Row& whole, bool pieces_are_rows) {
    const size_t all = encoded.tokens.size();
    const auto each = [&](auto&& take) {
      for (size_t at = 0; at < all; at += longest) {
        const size_t end = std::min(at + longest, all);
        const auto labels = std::span(encoded.labels).subspan(at, end - at);
        const bool learned = std::any_of(labels.begin() + 1, labels.end(), [](int32_t l) { return l != kNotLearned; });
        if (end - at > 1 && (learned || options_.keep_all)) take(at, end);
      }
    };
    const auto tokens_of = [&](size_t at, size_t end) {
      return std::vector<int32_t>(encoded.tokens.begin() + int64_t(at), encoded.tokens.begin() + int64_t(end));
    };
    size_t kept = 0;
    int64_t pieces = 0, left_out = 0;
    each([&](size_t at, size_t end) {
      kept += end - at, ++pieces;
      if (pieces_are_rows) left_out += copies_of(content_hash(tokens_of(at, end))) == 0;
    });
    if (!pieces_are_rows) left_out = pieces > 0 && copies_of(whole.content) == 0;
    if (pieces == 0) {
      if (!counted_ && !pieces_are_rows)
        reading_.unlearned.add({index_, whole.line}), reading_.dropped += all > longest ? int64_t(all) : 0;
      return;
    }
    if (!counted_) {
      if (all > longest) reading_.cut.add({index_, whole.line});
      reading_.truncated += int64_t(all - kept);
      reading_.left_out += left_out;
      if (pieces_are_rows) reading_.read += pieces;
    }
    const bool by_runs = runs_of(encoded) == encoded.answers;
    int32_t number = 0;
    each([&](size_t at, size_t end) {
      Row piece = whole;
      piece.tokens = tokens_of(at, end);
      piece.labels.assign(encoded.labels.begin() + int64_t(at), encoded.labels.begin() + int64_t(end));
      piece.labels[0] = kNotLearned;
      std::tie(piece.answers, piece.ends) = answers_in(encoded, by_runs, at, end);
      if (pieces_are_rows)
        piece.number = number, piece.content = piece.key = content_hash(piece.tokens);
      else
        piece.piece = number;
      ++number;
      const int64_t copies = copies_of(piece.content);
      give_copies(std::move(piece), copies);
    });
  }

  static int64_t runs_of(const Encoded& row) {  // of learned tokens
    int64_t runs = 0;
    for (size_t i = 0; i < row.labels.size(); ++i)
      runs += row.labels[i] != kNotLearned && (i == 0 || row.labels[i - 1] == kNotLearned);
    return runs;
  }
  // How many answers begin among the tokens [begin, end) of a row, and how many learned end tokens of answers are
  // there: by the runs of learned tokens, where there are as many as answers. Else all are counted at the beginning.
  static std::pair<int32_t, int32_t> answers_in(const Encoded& row, bool by_runs, size_t begin, size_t end) {
    if (!by_runs) return begin == 0 ? std::pair(int32_t(row.answers), int32_t(row.ends)) : std::pair(0, 0);
    std::pair<int32_t, int32_t> here{0, 0};
    for (size_t i = begin; i < end; ++i) {
      if (row.labels[i] == kNotLearned) continue;
      here.first += i == 0 || row.labels[i - 1] == kNotLearned;
      here.second += i > begin && (i + 1 == row.labels.size() || row.labels[i + 1] == kNotLearned);
    }
    return here;
  }

  void pair(const Pending& record, const Pending::Item& item) {
    const Encoded &chosen = item.encoded, &rejected = *item.rejected;
    const auto learned = [](const Encoded& row) { return Row{.labels = row.labels}.learned(); };
    if (std::max(chosen.tokens.size(), rejected.tokens.size()) > std::max(longest_of(chosen), longest_of(rejected))) {
      reading_.too_long.add({index_, record.line});
      reading_.dropped += int64_t(chosen.tokens.size() + rejected.tokens.size());
    } else if (learned(chosen) == 0 || learned(rejected) == 0 || chosen.tokens == rejected.tokens) {
      reading_.unlearned.add({index_, record.line});
    } else {
      ++reading_.pairs;
    }
  }

  bool learns(const Row& row) const { return !row.tokens.empty() && (options_.keep_all || row.learned() > 0); }

  // How often training takes a row.
  int64_t copies_of(uint64_t content) const {
    if (options_.keep_all) return 1;
    return data::copies_of(content, options_.files[size_t(index_)].weight);
  }
  void give_copies(Row&& row, int64_t copies) {
    const int64_t record = record_;
    for (int64_t copy = 0; copy < copies; ++copy) {
      row.copy = int32_t(copy);
      if (++rows_ <= given(record) || any_failed_) continue;
      how_.take(copy + 1 < copies ? Row(row) : std::move(row), reading_, {index_, record, rows_});
    }
  }

  void whole_text(const InputFile& file) {
    std::string text;
    try {
      Bytes bytes(file);
      for (std::string_view part; !(part = bytes.next()).empty(); text += part)
        if (text.size() + part.size() > kLargestText)
          return problem(0, joined("a text of more than ", kLargestText >> 20, " MiB; cut it into several files"));
    } catch (const DecodingError& error) {
      return problem(0, error.what());
    }
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
      const Encoded encoded = encoder_->encode(PlainText{std::move(text)});
      if (const std::string wrong = outside(encoded); !wrong.empty()) return problem(1, wrong);
      record_ = rows_ = 0;
      counted_ = given(0) > 0;
      split(encoded, longest_of(encoded), Row{.line = 1, .file = index_}, true);
      any_ = encoded.tokens.size() > 1;
      show_progress(file.size());
    }
  }

  const DatasetOptions& options_;
  const Tokenizer* tokenizer_;
  ThreadPool& pool_;
  const RowReading& how_;
  Reading reading_;
  Problems problems_;
  const RowReader* reader_ = nullptr;
  const RowEncoder* encoder_ = nullptr;
  int32_t index_ = 0;
  int64_t record_ = 0, rows_ = 0;      // the record at hand, and how many rows it gave
  bool counted_ = false;               // an earlier reading counted the row at hand
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

bool is_whole_text(const DataFile& file) {
  fs::path name = file.path.filename();
  if (name.extension() == ".gz" || name.extension() == ".zst") name = name.stem();
  return file.kind == RowKind::text && name.extension() == ".txt";
}

int64_t copies_of(uint64_t content, double weight) {
  const double whole = std::floor(weight);
  return int64_t(whole) + (share_of(content) < weight - whole);
}

bool is_held_out(const Row& row, double fraction) { return double(row.key >> 11) * 0x1p-53 < fraction; }

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
  for (const Row& row : rows_) {
    if (!is_held_out(row, fraction))
      parts.first.rows_.push_back(row);
    else if (row.copy == 0)
      parts.second.rows_.push_back(row);
  }
  return parts;
}

}  // namespace hone::data

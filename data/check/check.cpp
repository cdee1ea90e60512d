#include "data/check/check.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "data/check/copies.h"
#include "data/check/raw_records.h"
#include "data/check/row_faults.h"
#include "data/check/shingles.h"
#include "kernels/host/error.h"
#include "kernels/host/hash.h"

namespace hone::data {

namespace {
constexpr size_t kMostRows = 4096, kMostTokens = size_t(4) << 20;  // looked at together
// What most rows of a file are only told, a system prompt, says nothing about which are alike: 5-token sequences that
// are not learned and that this share of the file's first rows has do not count.
constexpr double kCommon = 0.05;
constexpr int64_t kLeastCommon = 20;                // rows that have them, at least
constexpr double kAlike = 0.8;                      // Jaccard index of near copies
constexpr size_t kLeastShingles = 5;                // of a row that is compared
constexpr size_t kMostCompared = size_t(32) << 20;  // sequences in memory while near copies are compared: 256 MB
constexpr int64_t kLongEnough = 64,
                  kDistinctPart = 4;  // a quarter of at least 64 sequences differ, or it is repetitive

uint64_t mixed(uint64_t x) {  // splitmix64
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

LongRow long_row(const DatasetOptions& options, const DataFile& file) {
  if (is_whole_text(file) || options.too_long == TooLong::split) return LongRow::split;
  if (options.too_long == TooLong::truncate) return LongRow::truncated;
  const bool splits = options.too_long == TooLong::automatic && file.kind == RowKind::text;
  return splits ? LongRow::split : LongRow::dropped;
}

// What this needs of the reader of rows, in one place: every row of a file once, also those that training drops. Rows
// come whole, but texts that are split in their pieces. What cannot be read is counted.
Reading read_every_row(DatasetOptions options, const DataFile& file, const Tokenizer* tokenizer, ThreadPool& pool,
                       const std::function<void(Row&&)>& take, const std::function<void(int32_t, uint64_t)>& progress) {
  options.files = {file}, options.skip_bad = options.keep_all = true;
  if (file.kind != RowKind::text || long_row(options, file) != LongRow::split) options.max_length = 0;
  return read_rows(
      options, tokenizer, pool,
      {.take = [&](Row&& row, const Reading&, const ReadPosition&) { take(std::move(row)); }, .progress = progress});
}

struct Looked {  // a row and what was seen in it
  Row row;
  bool evaluation = false, held_out = false, too_long = false, drops = false;
  RowFaults faults{};
  std::vector<TextFinding> text{};
  std::vector<uint64_t> shingles{};  // in order; then those that count, sorted
  int64_t distinct = 0;
  Bands bands{};
};

struct Known {  // of each row, for what only all of them together tell
  uint64_t content = 0;
  Place place{};
  bool evaluation = false;
  bool apart = false;  // takes no part in comparisons
};

uint64_t drawn(uint64_t seed, const Row& row, bool evaluation) {
  uint64_t x = mixed(seed * 2 + uint64_t(evaluation));
  for (const uint64_t more : {uint64_t(row.number), uint64_t(row.piece), row.content}) x = mixed(x ^ more);
  return x;
}

class Checker {
 public:
  Checker(const CheckOptions& options, const Tokenizer* tokenizer, ThreadPool& pool)
      : options_(options), tokenizer_(tokenizer), pool_(pool) {
    report_.files = options.train.files;
    report_.training_files = int64_t(report_.files.size());
    if (options.evaluation)
      report_.files.insert(report_.files.end(), options.evaluation->files.begin(), options.evaluation->files.end());
    for (const DataFile& file : report_.files)
      sizes_.push_back(InputFile(file.path).size()), all_bytes_ += sizes_.back();
    common_.resize(report_.files.size()), sampled_.resize(report_.files.size()), shown_.resize(report_.files.size());
    report_.read_text = tokenizer != nullptr;
  }

  CheckReport run() {
    for (size_t i = 0; i < report_.files.size(); ++i) {
      const int64_t before = report_.findings[Finding::bad_row].rows;
      check_raw(report_.files[i], int32_t(i), options_.train.roles, pool_, report_.findings);
      bad_.push_back(report_.findings[Finding::bad_row].rows - before);
    }
    read([&](std::vector<Looked>& rows) { look_at(rows), keep(rows); });
    exact_copies();
    near_copies();
    if (options_.packs && options_.packing.max_length > 1)
      for (const int64_t length :
           {options_.packing.max_length / 2, options_.packing.max_length, options_.packing.max_length * 2}) {
        Lengths::Packing how = options_.packing;
        how.max_length = length;
        report_.packing.push_back(report_.lengths.packed(how));
      }
    for (size_t turn = 0; int64_t(report_.shown.size()) < options_.show; ++turn) {  // one of each file, and again
      bool any = false;
      for (std::vector<Drawn>& of_file : shown_)
        if (turn < of_file.size() && int64_t(report_.shown.size()) < options_.show)
          report_.shown.push_back(std::move(of_file[turn].row)), any = true;
      if (!any) break;
    }
    std::ranges::sort(report_.shown, [](const ShownRow& a, const ShownRow& b) {
      return std::pair(a.row.file, a.row.line) < std::pair(b.row.file, b.row.line);
    });
    if (options_.progress) options_.progress(1);
    return std::move(report_);
  }

 private:
  using Take = std::function<void(std::vector<Looked>&)>;

  // All rows in order, those of one file a batch at a time.
  void read(const Take& take) {
    ++pass_;
    std::vector<Looked> batch;
    size_t held = 0;
    const auto flush = [&] {
      if (!batch.empty()) take(batch);
      batch.clear(), held = 0;
    };
    for (size_t i = 0; i < report_.files.size(); ++i) {
      const auto index = int32_t(i);
      const bool own = index >= report_.training_files;  // a file of evaluation
      const auto each = [&](Row&& row) {
        if (batch.size() >= kMostRows || held >= kMostTokens) flush();
        held += row.tokens.size();
        Looked looked{.row = std::move(row)};
        looked.held_out = !own && !options_.evaluation && is_held_out(looked.row, options_.evaluation_split);
        looked.evaluation = own || looked.held_out;
        looked.row.file = index;
        batch.push_back(std::move(looked));
      };
      try {
        const Reading reading =
            read_every_row(own ? *options_.evaluation : options_.train, report_.files[i], tokenizer_, pool_, each,
                           [&](int32_t, uint64_t bytes) { show_progress(i, bytes); });
        flush();
        if (pass_ == 1) count(reading, index);
      } catch (const Error& error) {
        if (error.code() != ExitCode::input) throw;
        batch.clear(), held = 0;
        if (pass_ == 1) report_.problem += (report_.problem.empty() ? "" : "\n") + std::string(error.what());
      }
    }
  }

  void show_progress(size_t file, uint64_t bytes) const {
    if (!options_.progress || all_bytes_ == 0) return;
    for (size_t i = 0; i < file; ++i) bytes += sizes_[i];
    options_.progress((double(bytes) / double(all_bytes_) + double(pass_ - 1)) / 2);
  }

  void count(const Reading& reading, int32_t index) {
    if (index < report_.training_files) report_.read += reading.read;
    // The reader names the first five; `known` are told already.
    const auto more = [&](Finding finding, const Places& places, int64_t known) {
      for (size_t i = 0; i < places.first.size() && known < places.count && int64_t(i) >= known; ++i, ++known)
        report_.findings.add(finding, {.at = {index, places.first[i].line}});
      report_.findings.add_unnamed(finding, std::max<int64_t>(places.count - known, 0));
    };
    more(Finding::bad_row, reading.bad, bad_[size_t(index)]);
    more(Finding::unlearned, reading.unlearned, 0);  // without any token
  }

  void look_at(std::vector<Looked>& rows) {
    const DataFile& file = report_.files[size_t(rows[0].row.file)];
    const bool own_file = rows[0].row.file >= report_.training_files;
    const int64_t longest = options_.train.max_length;
    const DatasetOptions& from = own_file ? *options_.evaluation : options_.train;
    pool_.run(int64_t(rows.size()), [&](int64_t i) {
      Looked& looked = rows[size_t(i)];
      const auto length = int64_t(looked.row.tokens.size());
      looked.faults = row_faults(looked.row, file.kind, tokenizer_);
      looked.too_long = !own_file && longest > 0 && length > longest;
      looked.drops = looked.too_long && long_row(from, file) == LongRow::dropped;
      if (tokenizer_ && !is_whole_text(file)) looked.text = text_findings(tokenizer_->decode(looked.row.tokens));
      looked.shingles = shingles_in_order(looked.row.tokens);
    });
    find_common(rows);
    pool_.run(int64_t(rows.size()), [&](int64_t i) {
      Looked& looked = rows[size_t(i)];
      const auto all = int64_t(looked.shingles.size());
      looked.distinct = count_those_that_differ(looked.shingles);
      if (all < kLongEnough) looked.distinct = all;
      looked.shingles = those_that_count(looked);
      looked.bands = bands(looked.shingles);
    });
  }

  static int64_t count_those_that_differ(std::vector<uint64_t> all) {
    std::ranges::sort(all);
    return std::unique(all.begin(), all.end()) - all.begin();
  }

  // From the first batch of a file.
  void find_common(const std::vector<Looked>& rows) {
    const auto file = size_t(rows[0].row.file);
    if (sampled_[file]) return;
    sampled_[file] = true;
    std::unordered_map<uint64_t, int64_t> counts;
    const size_t sample = std::min<size_t>(rows.size(), 2000);
    for (size_t i = 0; i < sample; ++i) {
      std::unordered_set<uint64_t> seen;
      each_told(rows[i], [&](uint64_t shingle) {
        if (seen.insert(shingle).second) ++counts[shingle];
      });
    }
    const auto least = std::max(kLeastCommon, int64_t(kCommon * double(sample)));
    for (const auto& [shingle, count] : counts)
      if (count >= least) common_[file].insert(shingle);
  }
  // Sequences of which nothing is learned.
  static void each_told(const Looked& looked, const auto& take) {
    const std::vector<int32_t>& labels = looked.row.labels;
    size_t told = 0;  // tokens before here that are not learned, without a gap
    for (size_t i = 0; i < labels.size(); ++i) {
      told = labels[i] == kNotLearned ? told + 1 : 0;
      if (told >= kShingle) take(looked.shingles[i + 1 - kShingle]);
    }
  }
  std::vector<uint64_t> those_that_count(const Looked& looked) const {
    const std::unordered_set<uint64_t>& common = common_[size_t(looked.row.file)];
    std::vector<uint64_t> left = looked.shingles;
    if (!common.empty()) std::erase_if(left, [&](uint64_t shingle) { return common.contains(shingle); });
    std::ranges::sort(left);
    left.erase(std::unique(left.begin(), left.end()), left.end());
    return left;
  }

  void keep(std::vector<Looked>& rows) {
    const DataFile& file = report_.files[size_t(rows[0].row.file)];
    Findings& findings = report_.findings;
    for (Looked& looked : rows) {
      const Row& row = looked.row;
      const Spot spot{.at = {row.file, row.line}};
      const auto length = int64_t(row.tokens.size());
      const bool unlearned = looked.faults.learned == 0;
      if (unlearned) findings.add(Finding::unlearned, spot);
      // A text that was cut shows by its second piece.
      if ((looked.too_long && !looked.held_out) || (row.piece == 1 && !looked.evaluation))
        findings.add(Finding::too_long, spot);
      if (looked.faults.double_bos) findings.add(Finding::double_bos, spot);
      if (looked.faults.missing_ends > 0) findings.add(Finding::missing_end, spot, looked.faults.missing_ends);
      if (looked.faults.special_only) findings.add(Finding::special_only, spot);
      if (looked.faults.split_token) findings.add(Finding::split_token, spot);
      if (looked.faults.unknown_token) findings.add(Finding::unknown_token, spot);
      if (looked.distinct * kDistinctPart < std::max<int64_t>(length - int64_t(kShingle) + 1, 0))
        findings.add(Finding::repetitive, spot);
      for (const TextFinding& each : looked.text) findings.add(each.finding, spot, each.strings);

      const bool gone = unlearned || looked.drops;
      if (looked.evaluation) {
        report_.held_out += looked.held_out && !gone && row.piece == 0;
        report_.evaluation_rows += !gone && row.piece == 0, report_.evaluation_tokens += gone ? 0 : length;
      } else if (!gone) {
        report_.used += row.piece == 0, report_.tokens += length, report_.learned += looked.faults.learned;
        report_.answers += row.answers, report_.ends += row.ends;
      }
      if (!looked.evaluation && !unlearned)
        for (int64_t copy = copies_of(row.content, file.weight); copy > 0; --copy)
          report_.lengths.add(length, long_row(options_.train, file));
      known_.push_back({.content = row.content,
                        .place = spot.at,
                        .evaluation = looked.evaluation,
                        .apart = gone || looked.shingles.size() < kLeastShingles});
      no_copy_.push_back(gone || row.piece > 0);
      index_.add(looked.bands, looked.evaluation);
      if (!gone) draw(looked);
    }
  }

  struct Drawn {
    uint64_t number;
    ShownRow row;
  };
  void draw(Looked& looked) {
    if (options_.show <= 0) return;
    std::vector<Drawn>& of_file = shown_[size_t(looked.row.file)];
    const uint64_t number = drawn(options_.seed, looked.row, looked.evaluation);
    if (int64_t(of_file.size()) >= options_.show && of_file.back().number <= number) return;
    ShownRow row{std::move(looked.row), looked.evaluation};
    const auto at = std::ranges::upper_bound(of_file, number, {}, &Drawn::number);
    of_file.insert(at, {number, std::move(row)});
    if (int64_t(of_file.size()) > options_.show) of_file.pop_back();
  }

  void exact_copies() {
    std::vector<uint32_t> order;
    for (uint32_t i = 0; i < known_.size(); ++i)
      if (!no_copy_[i]) order.push_back(i);
    std::ranges::sort(order, [&](uint32_t a, uint32_t b) {
      const Known &x = known_[a], &y = known_[b];
      if (x.content != y.content) return x.content < y.content;
      return x.evaluation != y.evaluation ? y.evaluation : a < b;
    });
    std::vector<std::pair<uint32_t, uint32_t>> copies;
    for (size_t begin = 0, end; begin < order.size(); begin = end) {
      for (end = begin + 1; end < order.size() && known_[order[end]].content == known_[order[begin]].content; ++end) {
        known_[order[end]].apart = true;
        if (!known_[order[begin]].evaluation) copies.emplace_back(order[end], order[begin]);
      }
    }
    std::ranges::sort(copies);
    for (const auto& [row, like] : copies)
      report_.findings.add(known_[row].evaluation ? Finding::shared : Finding::duplicate,
                           {.at = known_[row].place, .like = known_[like].place, .similarity = 1});
  }

  void near_copies() {
    report_.bands = index_.bands();
    std::vector<Candidate> pairs = index_.candidates([&](uint32_t row) { return known_[row].apart; });
    std::erase_if(pairs, [&](const Candidate& pair) {  // rows of one record are alike by nature
      const Place &a = known_[pair.row].place, &b = known_[pair.like].place;
      return a.file == b.file && a.line == b.line;
    });
    if (pairs.empty()) return;
    // Each set is kept from its row on until the last row that is compared with it.
    std::unordered_map<uint32_t, uint32_t> last;
    for (const Candidate& pair : pairs) {
      const auto [early, late] = std::minmax(pair.row, pair.like);
      uint32_t& until = last[early];
      until = std::max(until, late);
      last[late] = std::max(last[late], late);
    }
    std::ranges::sort(pairs, {}, [](const Candidate& pair) { return std::max(pair.row, pair.like); });
    std::unordered_map<uint32_t, std::vector<uint64_t>> sets;
    std::vector<Compared> best;
    size_t next = 0, held = 0;
    uint32_t row = 0;
    read([&](std::vector<Looked>& rows) {
      const uint32_t first = row;
      pool_.run(int64_t(rows.size()), [&](int64_t i) {
        if (!last.contains(first + uint32_t(i))) return;
        Looked& looked = rows[size_t(i)];
        looked.shingles = shingles_in_order(looked.row.tokens);
        looked.shingles = those_that_count(looked);
      });
      const uint32_t end = first + uint32_t(rows.size());
      for (Looked& looked : rows) {
        if (last.contains(row) && held + looked.shingles.size() <= kMostCompared)
          held += looked.shingles.size(), sets.emplace(row, std::move(looked.shingles));
        ++row;
      }
      for (; next < pairs.size() && std::max(pairs[next].row, pairs[next].like) < end; ++next)
        best.push_back(compared(pairs[next], sets));
      std::erase_if(sets, [&](const auto& entry) {
        if (last[entry.first] >= end) return false;
        held -= entry.second.size();
        return true;
      });
    });
    tell_near(std::move(best));
  }

  struct Compared {
    Candidate pair{};
    double similarity = 0;
    bool estimated = false;
  };
  Compared compared(const Candidate& pair, const std::unordered_map<uint32_t, std::vector<uint64_t>>& sets) const {
    const auto a = sets.find(pair.row), b = sets.find(pair.like);
    if (a == sets.end() || b == sets.end()) return {pair, index_.estimate(pair), true};
    return {pair, jaccard(a->second, b->second), false};
  }

  // Of each row the one it is most like.
  void tell_near(std::vector<Compared> all) {
    std::erase_if(all, [](const Compared& each) { return each.similarity < kAlike; });
    std::ranges::sort(all, [](const Compared& a, const Compared& b) {
      if (a.pair.row != b.pair.row) return a.pair.row < b.pair.row;
      return a.similarity != b.similarity ? a.similarity > b.similarity : a.pair.like < b.pair.like;
    });
    for (size_t i = 0; i < all.size(); ++i) {
      const Compared& each = all[i];
      if (i > 0 && all[i - 1].pair.row == each.pair.row) continue;
      report_.estimated += each.estimated;
      report_.findings.add(
          known_[each.pair.row].evaluation ? Finding::near_shared : Finding::near_duplicate,
          {.at = known_[each.pair.row].place, .like = known_[each.pair.like].place, .similarity = each.similarity});
    }
  }

  const CheckOptions& options_;
  const Tokenizer* tokenizer_;
  ThreadPool& pool_;
  CheckReport report_;
  std::vector<uint64_t> sizes_;
  uint64_t all_bytes_ = 0;
  int pass_ = 0;
  std::vector<int64_t> bad_;  // rows of each file that its own look at bytes found
  std::vector<std::unordered_set<uint64_t>> common_;
  std::vector<bool> sampled_;
  std::vector<Known> known_;
  std::vector<bool> no_copy_;  // dropped, nothing to learn, or a further piece of a row
  CopyIndex index_;
  std::vector<std::vector<Drawn>> shown_;
};
}  // namespace

CheckReport check_data(const CheckOptions& options, const Tokenizer* tokenizer, ThreadPool& pool) {
  return Checker(options, tokenizer, pool).run();
}

}  // namespace hone::data

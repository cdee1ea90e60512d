#include "data/shards/prepare.h"

#include <algorithm>
#include <cctype>
#include <future>

#include "data/shards/shard.h"
#include "kernels/host/error.h"
#include "kernels/host/hash.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
constexpr int kEncoding = 2;                          // raised when the same files and settings give other rows
constexpr int64_t kMostRows = int64_t(1) << 20;       // of a shard
constexpr int64_t kHashesAtOnce = int64_t(16) << 20;  // rows whose duplicates are looked for together: 128 MB
constexpr uint64_t kLargestShard = uint64_t(1) << 30;
constexpr std::string_view kRemedy = "; write the shards anew with: hone prepare RECIPE --rebuild";

std::string_view word_of(TooLong what) {
  constexpr std::string_view kWords[] = {"auto", "drop", "split", "truncate"};
  return kWords[size_t(what)];
}
std::string_view word_of(TrainOn on) {
  constexpr std::string_view kWords[] = {"answers", "all", "last"};
  return kWords[size_t(on)];
}
std::string_view word_of(LayoutKind kind) {
  constexpr std::string_view kWords[] = {"chatml", "llama3", "plain"};
  return kWords[size_t(kind)];
}

Json settings_of(const DatasetOptions& options, ThreadPool& pool) {
  std::vector<std::string> hashes(options.files.size()), problems(options.files.size());
  pool.run(int64_t(hashes.size()), [&](int64_t i) {
    try {
      hashes[size_t(i)] = hash_of_file(options.files[size_t(i)].path);
    } catch (const std::exception& error) {
      problems[size_t(i)] = error.what();
    }
  });
  Json files = Json::array();
  for (size_t i = 0; i < hashes.size(); ++i) {
    require(problems[i].empty(), ExitCode::input, problems[i]);
    const DataFile& file = options.files[i];
    files.push_back({{"xxh3", hashes[i]},
                     {"type", kind(file.kind).name},
                     {"whole", is_whole_text(file)},
                     {"fields", file.names.fields},
                     {"roles", file.names.roles},
                     {"weight", file.weight},
                     {"append_end", file.append_end}});
  }
  return {{"files", files},
          {"train_on", word_of(options.train_on)},
          {"chat", options.chat ? options.chat->settings() : Json(word_of(options.layout))},
          {"roles", options.roles},
          {"max_length", options.max_length},
          {"too_long", word_of(options.too_long)},
          {"vocabulary", options.vocabulary},
          {"skip_bad", options.skip_bad},
          {"keep_all", options.keep_all}};
}

Json settings_of(const PrepareOptions& options, const Tokenizer* tokenizer, ThreadPool& pool) {
  Json settings{{"encoding", kEncoding},
                {"shard_tokens", options.shard_tokens},
                {"evaluation_split", options.evaluation ? 0 : options.evaluation_split},
                {"train", settings_of(options.train, pool)},
                {"tokenizer", nullptr},
                {"evaluation", nullptr}};
  if (options.evaluation) settings["evaluation"] = settings_of(*options.evaluation, pool);
  if (tokenizer)
    settings["tokenizer"] = {
        {"xxh3", tokenizer->hash()}, {"bos", tokenizer->bos().value_or(-1)}, {"eos", tokenizer->eos().value_or(-1)}};
  return settings;
}

// What a folder may be called: the name's letters, digits, '-', '_' and '.'.
std::string folder_name(const std::string& name, const std::string& fingerprint) {
  std::string safe = name.substr(0, 40);
  for (char& c : safe)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') c = '-';
  return (safe.empty() ? "data" : safe) + "-" + fingerprint.substr(0, 12);
}

std::string number_text(size_t number) {
  std::string text = std::to_string(number);
  return std::string(6 - std::min<size_t>(6, text.size()), '0') + text;
}

std::vector<std::byte> verified_bytes(const fs::path& folder, const FileEntry& entry, const std::string& where) {
  const InputFile file(folder / entry.name);
  require(file.size() == entry.bytes && file.size() <= kLargestShard, ExitCode::input, where, ": damaged: expected ",
          entry.bytes, " bytes, got ", file.size(), kRemedy);
  std::vector<std::byte> bytes(size_t(file.size()));
  file.read_at(0, bytes);
  Xxh3 hash;
  hash.add(bytes);
  require(hash.hex() == entry.hash, ExitCode::input, where, ": damaged: expected xxh3 ", entry.hash, ", got ",
          hash.hex(), kRemedy);
  return bytes;
}

std::string where_is(const fs::path& folder, const ShardEntry& entry, int64_t first_row) {
  return joined((folder / entry.file.name).string(), " (rows ", with_commas(first_row), " to ",
                with_commas(first_row + entry.rows - 1), ")");
}

Shard load_shard(const fs::path& folder, const ShardEntry& entry, int64_t first_row, int64_t vocabulary) {
  const std::string where = where_is(folder, entry, first_row);
  Shard shard = shard_from(verified_bytes(folder, entry.file, where), where, vocabulary);
  require(shard.count() == entry.rows && int64_t(shard.tokens.size()) == entry.tokens, ExitCode::input, where,
          ": expected ", entry.rows, " rows and ", entry.tokens, " tokens by manifest.json, got ", shard.count(),
          " and ", shard.tokens.size());
  return shard;
}

class ShardedRows : public RowBlocks {
 public:
  ShardedRows(fs::path folder, const ShardSet& set, int64_t vocabulary)
      : folder_(std::move(folder)), shards_(set.shards), vocabulary_(vocabulary) {
    first_.push_back(0);
    for (const ShardEntry& shard : shards_) first_.push_back(first_.back() + shard.rows);
    if (!set.lengths) return;
    const std::string where = (folder_ / set.lengths->name).string();
    lengths_ = lengths_from(verified_bytes(folder_, *set.lengths, where), where);
    require(int64_t(lengths_.size()) == first_.back(), ExitCode::input, where, ": expected ", first_.back(),
            " rows, got ", lengths_.size(), kRemedy);
  }
  int64_t blocks() const override { return int64_t(shards_.size()); }
  int64_t first_row(int64_t block) const override { return first_[size_t(block)]; }
  int64_t length(int64_t row) const override { return lengths_[size_t(row)]; }
  std::shared_ptr<const RowBlock> load(int64_t block) const override {
    const int64_t first = first_row(block);
    auto shard = std::make_shared<Shard>(load_shard(folder_, shards_[size_t(block)], first, vocabulary_));
    for (int64_t row = 0; row < shard->count(); ++row)
      require(shard->length(row) == length(first + row), ExitCode::input,
              where_is(folder_, shards_[size_t(block)], first), ": row ", row, " has ", shard->length(row),
              " tokens, another number than was counted", kRemedy);
    shard->facts = {};  // not needed for learning
    return shard;
  }

 private:
  fs::path folder_;
  std::vector<ShardEntry> shards_;
  std::vector<int64_t> first_;
  std::vector<int32_t> lengths_;
  int64_t vocabulary_;
};

// Gathers rows into shards and writes each on a thread of its own while the next is read.
class Writer {
 public:
  Writer(const PrepareOptions& options, fs::path folder, Manifest manifest)
      : options_(options), folder_(std::move(folder)), manifest_(std::move(manifest)) {
    train_.counts = manifest_.train.counts, evaluation_.counts = manifest_.evaluation.counts;
    for (const DatasetOptions* part : {&options.train, options.evaluation ? &*options.evaluation : nullptr})
      for (size_t i = 0; part && i < part->files.size(); ++i)
        sizes_.push_back(InputFile(part->files[i].path).size()), all_bytes_ += sizes_.back();
  }

  const Manifest& prepare(const Tokenizer* tokenizer, ThreadPool& pool) {
    if (manifest_.pass == 0) {
      const double split = options_.evaluation ? 0 : options_.evaluation_split;
      const Reading all = pass(0, options_.train, tokenizer, pool, [&](const Row& row) -> Part* {
        if (!is_held_out(row, split)) return &train_;
        return row.copy == 0 ? &evaluation_ : nullptr;
      });
      flush(all, {}, 1);
    }
    wait();
    if (options_.evaluation) {
      pass(1, *options_.evaluation, tokenizer, pool, [&](const Row&) { return &evaluation_; });
      flush(manifest_.reading, {.file = int32_t(options_.evaluation->files.size())}, 1);  // all of them
      wait();
    }
    finish();
    return manifest_;
  }

 private:
  struct Part {
    Shard shard;
    RowCounts counts;
  };

  template <class PartOf>
  Reading pass(int32_t number, const DatasetOptions& options, const Tokenizer* tokenizer, ThreadPool& pool,
               PartOf&& part_of) {
    const Reading first_reading = manifest_.reading;
    const auto take = [&](Row&& row, const Reading& so_far, const ReadPosition& after) {
      Part* part = part_of(row);
      if (!part) return;
      part->shard.add(row);
      part->counts.add(row);
      if (int64_t(part->shard.tokens.size()) >= options_.shard_tokens || part->shard.count() >= kMostRows)
        flush(number == 0 ? so_far : first_reading, after, number);
    };
    const auto progress = [&](int32_t file, uint64_t bytes) {
      if (!options_.progress) return;
      const size_t before = size_t(file) + (number == 0 ? 0 : options_.train.files.size());
      for (size_t i = 0; i < before; ++i) bytes += sizes_[i];
      options_.progress({bytes, all_bytes_, train_.counts.rows + evaluation_.counts.rows,
                         train_.counts.tokens + evaluation_.counts.tokens});
    };
    return read_rows(options, tokenizer, pool,
                     {.take = take,
                      .from = manifest_.position,
                      .reading = number == 0 ? manifest_.reading : Reading{},
                      .progress = progress});
  }

  // Both parts end here, so that one position serves them both.
  void flush(const Reading& reading, const ReadPosition& position, int32_t pass) {
    wait();
    auto train = std::make_shared<Shard>(std::exchange(train_.shard, {})),
         evaluation = std::make_shared<Shard>(std::exchange(evaluation_.shard, {}));
    writing_ = std::async(std::launch::async, [this, train, evaluation, counts = train_.counts,
                                               held = evaluation_.counts, reading, position, pass] {
      write("train-", *train, manifest_.train);
      write("evaluation-", *evaluation, manifest_.evaluation);
      manifest_.train.counts = counts, manifest_.evaluation.counts = held;
      manifest_.reading = reading, manifest_.position = position, manifest_.pass = pass;
      manifest_.write(folder_);
    });
  }
  void wait() {
    if (writing_.valid()) writing_.get();
  }

  void write(const std::string& prefix, const Shard& shard, ShardSet& set) {
    if (shard.count() == 0) return;
    const std::string name = prefix + number_text(set.shards.size()) + ".h5";
    const std::vector<std::byte> image = image_of(shard);
    require(shard_from(image, name, options_.train.vocabulary) == shard, "[shards] ", name,
            " does not read back as it was written");
    set.shards.push_back({write_file(name, image), shard.content(), shard.count(), int64_t(shard.tokens.size())});
  }
  FileEntry write_file(const std::string& name, std::span<const std::byte> bytes) const {
    Xxh3 hash;
    hash.add(bytes);
    FileWriter file(folder_ / name);
    file.write(bytes);
    file.commit();
    return {name, hash.hex(), bytes.size()};
  }

  // Reads every shard back from the disk, for what only all of them together tell.
  void finish() {
    std::vector<int32_t> lengths;
    const int64_t parts = 1 + manifest_.train.rows() / kHashesAtOnce;  // hashes that are looked at together
    manifest_.duplicates = manifest_.shared = 0;
    for (int64_t part = 0; part < parts; ++part) {
      const auto each = [&](const ShardSet& set, auto&& take) {
        int64_t first = 0;
        for (const ShardEntry& entry : set.shards) {
          const Shard shard = load_shard(folder_, entry, first, options_.train.vocabulary);
          for (int64_t row = 0; row < shard.count(); ++row) take(shard, row);
          first += entry.rows;
        }
      };
      std::vector<uint64_t> hashes;
      each(manifest_.train, [&](const Shard& shard, int64_t row) {
        if (part == 0) lengths.push_back(int32_t(shard.length(row)));
        const Shard::Facts& facts = shard.facts[size_t(row)];
        if (facts.piece == 0 && facts.content % uint64_t(parts) == uint64_t(part)) hashes.push_back(facts.content);
      });
      std::ranges::sort(hashes);
      for (size_t i = 1; i < hashes.size(); ++i) manifest_.duplicates += hashes[i] == hashes[i - 1];
      each(manifest_.evaluation, [&](const Shard& shard, int64_t row) {
        const Shard::Facts& facts = shard.facts[size_t(row)];
        if (facts.piece == 0 && facts.content % uint64_t(parts) == uint64_t(part))
          manifest_.shared += std::ranges::binary_search(hashes, facts.content);
      });
    }
    manifest_.duplicates -= manifest_.train.counts.copies;  // each is one more of its row
    if (!lengths.empty()) manifest_.train.lengths = write_file("train-lengths.h5", image_of_lengths(lengths));
    manifest_.complete = true;
    manifest_.write(folder_);
  }

  const PrepareOptions& options_;
  fs::path folder_;
  Manifest manifest_;  // as it was last written; the writing thread's while it writes
  Part train_, evaluation_;
  std::vector<uint64_t> sizes_;
  uint64_t all_bytes_ = 0;
  std::future<void> writing_;
};

void check_fingerprint(const Manifest& manifest, const fs::path& folder, const std::string& expected,
                       const Json& settings) {
  if (manifest.fingerprint == expected && manifest.settings == settings) return;
  std::string other;
  for (const auto& [key, value] : settings.items())
    if (!manifest.settings.is_object() || manifest.settings.value(key, Json()) != value)
      other += (other.empty() ? "" : ", ") + key;
  fail(ExitCode::input, (folder / "manifest.json").string(), ": these shards have the fingerprint ",
       manifest.fingerprint.substr(0, 64), ", this data and these settings ", expected,
       " (different: ", other.empty() ? "the fingerprint alone" : other, ")", kRemedy);
}

// Every file against its hash, several at once.
void verify(const fs::path& folder, const Manifest& manifest, ThreadPool& pool) {
  struct Check {
    const FileEntry* file;
    std::string where, problem;
  };
  std::vector<Check> checks;
  for (const ShardSet* set : {&manifest.train, &manifest.evaluation}) {
    int64_t first = 0;
    for (const ShardEntry& entry : set->shards) {
      checks.push_back({&entry.file, where_is(folder, entry, first), {}});
      first += entry.rows;
    }
    if (set->lengths) checks.push_back({&*set->lengths, (folder / set->lengths->name).string(), {}});
  }
  pool.run(int64_t(checks.size()), [&](int64_t i) {
    Check& check = checks[size_t(i)];
    try {
      verified_bytes(folder, *check.file, check.where);
    } catch (const std::exception& error) {
      check.problem = error.what();
    }
  });
  std::string problems;
  for (const Check& check : checks)
    if (!check.problem.empty()) problems += (problems.empty() ? "" : "\n") + check.problem;
  require(problems.empty(), ExitCode::input, problems);
}
}  // namespace

Prepared prepare(const PrepareOptions& options, const Tokenizer* tokenizer, ThreadPool& pool) {
  require(options.evaluation_split >= 0 && options.evaluation_split < 1, ExitCode::usage,
          "data.evaluation_split must lie in 0 … 1, got ", options.evaluation_split);
  const Json settings = settings_of(options, tokenizer, pool);
  const std::string fingerprint = sha256_of(settings.dump());
  Prepared prepared;
  prepared.folder_ = options.folder / folder_name(options.name, fingerprint);
  prepared.files_ = options.train.files;
  prepared.vocabulary_ = options.train.vocabulary;
  prepared.split_ = !options.evaluation && options.evaluation_split > 0;
  prepared.has_evaluation_ = options.evaluation || prepared.split_;
  const fs::path& folder = prepared.folder_;
  const auto found = [&]() -> std::optional<Manifest> {
    std::optional<Manifest> manifest = Manifest::read(folder);
    if (manifest) check_fingerprint(*manifest, folder, fingerprint, settings);
    return manifest;
  };
  if (!options.rebuild) {
    if (std::optional<Manifest> manifest = found(); manifest && manifest->complete) {
      verify(folder, *manifest, pool);
      prepared.manifest_ = std::move(*manifest), prepared.reused_ = true;
      return prepared;
    }
  }
  make_folders(folder);
  std::optional<FolderLock> lock(folder);
  if (options.rebuild) {
    remove_folder(folder);
    make_folders(folder);
    lock.emplace(folder);
  }
  sweep_temporaries(folder);
  Manifest manifest = found().value_or(Manifest{});
  manifest.fingerprint = fingerprint, manifest.settings = settings;
  if (!manifest.complete) {
    Writer writer(options, folder, std::move(manifest));
    try {
      manifest = writer.prepare(tokenizer, pool);
    } catch (const Error& error) {
      // What is wrong lies in the data: mended data has another fingerprint, nobody would find these shards again.
      if (error.code() == ExitCode::input) remove_folder(folder);
      throw;
    }
  }
  prepared.manifest_ = std::move(manifest);
  return prepared;
}

bool is_prepared(const PrepareOptions& options, const Tokenizer* tokenizer, ThreadPool& pool) {
  if (!fs::is_directory(options.folder)) return false;
  const std::string fingerprint = sha256_of(settings_of(options, tokenizer, pool).dump());
  const std::optional<Manifest> manifest = Manifest::read(options.folder / folder_name(options.name, fingerprint));
  return manifest && manifest->complete && manifest->fingerprint == fingerprint;
}

std::shared_ptr<const RowBlocks> Prepared::train() const {
  return std::make_shared<const ShardedRows>(folder_, manifest_.train, vocabulary_);
}

std::vector<Row> Prepared::evaluation() const {
  std::vector<Row> rows;
  for (const ShardEntry& entry : manifest_.evaluation.shards) {
    const Shard shard = load_shard(folder_, entry, int64_t(rows.size()), vocabulary_);
    for (int64_t row = 0; row < shard.count(); ++row) rows.push_back(shard.row(row));
  }
  return rows;
}

Receipt Prepared::receipt() const {
  Receipt receipt;
  const RowCounts &train = manifest_.train.counts, &held = manifest_.evaluation.counts;
  receipt.files = files_, receipt.reading = manifest_.reading;
  receipt.used = train.rows, receipt.repeated = train.copies, receipt.tokens = train.tokens,
  receipt.learned = train.learned;
  receipt.answers = train.answers, receipt.ends = train.ends;
  receipt.duplicates = manifest_.duplicates;
  if (has_evaluation_) receipt.evaluation = EvaluationCounts{held.rows, held.tokens, held.learned, manifest_.shared};
  if (split_) receipt.held_out = held.rows;
  return receipt;
}

std::string Prepared::hash() const {
  Xxh3 hash;
  for (const ShardEntry& entry : manifest_.train.shards) hash.add(entry.content);
  hash.add("|");
  for (const ShardEntry& entry : manifest_.evaluation.shards) hash.add(entry.content);
  return hash.hex();
}

}  // namespace hone::data

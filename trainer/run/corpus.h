// The data of a run, prepared: rows to learn from as shards, rows held out, the receipt of both, and a hash that says
// whether they are the same again.
#pragma once
#include <functional>
#include <memory>

#include "data/batches/batches.h"
#include "data/shards/prepare.h"
#include "recipes/recipe.h"
#include "trainer/run/setup.h"

namespace hone::trainer {

struct Corpus {
  std::shared_ptr<const data::RowBlocks> train;
  std::shared_ptr<const data::Batches> batches;  // of `train`; none where there are pairs alone
  std::vector<data::Row> evaluation;
  data::Receipt receipt;
  std::string hash;  // of the tokens and labels of both
  fs::path folder;   // of the shards
  bool reused = false;
};

struct CorpusOptions {
  bool rebuild = false;
  bool allow_pairs = false;  // preference pairs may be among the data: checked and counted, nothing to train on
  std::function<void(const data::PrepareProgress&)> progress{};
};

// Reads, tokenises and splits, or takes what an earlier run prepared. Errors (ExitCode::input): text rows without a
// tokenizer, no learned token, more
// wrong than data.check allows, what data::prepare refuses.
Corpus read_corpus(const recipes::Recipe&, const Base&, const std::optional<data::Tokenizer>&,
                   const CorpusOptions& = {});

// Whether read_corpus() would only read shards. Reads the data files once.
bool corpus_is_prepared(const recipes::Recipe&, const Base&, const std::optional<data::Tokenizer>&);

// Rows to evaluate: data.evaluation whole; without it those of evaluation_split; with neither all of data.train. In
// file order.
std::vector<data::Row> evaluation_rows(const recipes::Recipe&, const Base&, const std::optional<data::Tokenizer>&);

// "35 %  3,204,100 tokens  1,912,000 tok/s  12 s left"
std::string progress_text(const data::PrepareProgress&, double seconds);

data::BatchOptions batch_options(const recipes::Recipe&);

// How files of the recipe are read. `keep_all`: for evaluation, which reports every row. `vocabulary`: the model's; 0:
// not known. Error (ExitCode::input): text without a tokenizer.
data::DatasetOptions dataset_options(const recipes::Recipe&, const std::vector<recipes::DataFile>& files,
                                     int64_t vocabulary, const std::optional<data::Tokenizer>&, bool keep_all);
int threads_of(const recipes::Recipe&);  // model.threads, or the machine's

// A recipe's words as those of data/.
data::RowKind kind_of(recipes::RowType);
data::TrainOn learned_of(recipes::TrainOn);
// What conversations in these files become rows by; null where there can be none.
std::shared_ptr<const data::ChatFormat> chat_of(const recipes::Recipe&, const std::vector<recipes::DataFile>&,
                                                const fs::path& model, const data::Tokenizer&);
std::vector<data::DataFile> data_files(const recipes::DataFile&);  // what its patterns match

// data.shards, or its default: the folder shards beside output.dir.
fs::path shards_folder(const recipes::Recipe&);

}  // namespace hone::trainer

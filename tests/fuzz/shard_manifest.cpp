// manifest.json: read, written and read again; then in a folder of shards, as the manifest of the data and the files
// that are there. What is wrong with it otherwise is to be noticed while preparing, or while reading rows.
#include "data/shards/prepare.h"
#include "kernels/host/hash.h"
#include "tests/fuzz/target.h"

namespace hone::test {
namespace {

using namespace data;

struct Case {
  Case() : options{.folder = folder / "shards", .name = "rows", .evaluation_split = 0.3, .shard_tokens = 30} {
    options.train.vocabulary = 100;
    for (const std::string name : {"a.jsonl", "b.jsonl"}) {
      std::string rows = "{\"input_ids\":[5]}\n";
      for (int r = 0; r < 10; ++r) rows += joined("{\"input_ids\":[", name == "a.jsonl", ",", r, ",", r % 3, ",7]}\n");
      options.train.files.push_back({folder.write(name, rows), RowKind::tokens});
    }
    const Prepared prepared = prepare(options, nullptr, pool);
    made = prepared.folder(), manifest = prepared.manifest();
    for (const fs::path& file : entries_of(made))
      if (file.extension() == ".h5") files[file.filename().string()] = read_text(file);
  }
  // The folder as it was when all was prepared, but for the manifest.
  void restore() const {
    if (fs::exists(made)) remove_folder(made);  // else preparing took it away: the data was at fault
    for (const auto& [name, text] : files) folder.write(fs::relative(made / name, folder.path()).string(), text);
  }
  // Gives the files that are there their sizes and hashes.
  void forge(FileEntry& entry) const {
    const auto file = files.find(entry.name);
    if (file != files.end()) entry.bytes = file->second.size(), entry.hash = xxh3_of(file->second);
  }

  TemporaryFolder folder;
  ThreadPool pool{1};
  PrepareOptions options;
  fs::path made;
  Manifest manifest;
  std::map<std::string, std::string> files;
};

bool shard_manifest(std::string_view bytes) {
  static Case data;
  static const TemporaryFolder folder;
  return accepted([&] {
    folder.write("manifest.json", std::string(bytes));
    Manifest manifest = *Manifest::read(folder.path());
    manifest.write(folder.path());
    const std::string once = read_text(folder / "manifest.json");
    Manifest::read(folder.path())->write(folder.path());
    check(read_text(folder / "manifest.json") == once, "what is written reads back the same");

    manifest.fingerprint = data.manifest.fingerprint, manifest.settings = data.manifest.settings;
    for (ShardSet* set : {&manifest.train, &manifest.evaluation}) {
      for (ShardEntry& shard : set->shards) data.forge(shard.file);
      if (set->lengths) data.forge(*set->lengths);
    }
    data.restore();
    manifest.write(data.made);
    const Prepared prepared = prepare(data.options, nullptr, data.pool);
    prepared.receipt().text(), prepared.receipt().json();
    const auto rows = prepared.train();
    for (int64_t block = 0; block < rows->blocks(); ++block) {
      const auto loaded = rows->load(block);
      check(rows->first_row(block) + loaded->count() == rows->first_row(block + 1), "rows of a block");
    }
    for (const Row& row : prepared.evaluation()) check(!row.tokens.empty(), "an empty row");
    check(prepare(data.options, nullptr, data.pool).reused(), "what was prepared is taken by the next run");
  });
}

const FuzzTarget target("shard_manifest", shard_manifest);

}  // namespace
}  // namespace hone::test

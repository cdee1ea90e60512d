// The frozen base of a run, through the cache of its quantised form (checkpoints/base/base_cache.h): read from there
// where one is whole and of this base, else from the model directory, and then written in the background.
//   CachedBase cached(recipe, base, options, [](const std::string& note) { std::cerr << note << '\n'; });
//   const Decoder model = cached.load(stream, weights);
//   cached.keep(model);      // `hone train` only: other verbs read a cache and never make one
//   …                        // the run
//   cached.finish();
// A cache that cannot be read or written is a note, never the end of a run.
#pragma once
#include <atomic>
#include <thread>

#include "checkpoints/base/base_cache.h"
#include "trainer/run/setup.h"

namespace hone::trainer {

class CachedBase {
 public:
  using Say = std::function<void(const std::string&)>;
  CachedBase(const recipes::Recipe&, const Base&, const LoadOptions&, Say say);
  CachedBase(const CachedBase&) = delete;
  ~CachedBase();  // a cache that is not finished is given up

  Decoder load(Stream&, const Weights& weights);
  // Starts to write the cache where load() did not read it. The frozen weights of `model` are shared, not copied.
  void keep(const Decoder& model);
  // Waits for what keep() started, and says how it went.
  void finish();

 private:
  void write(const checkpoints::BaseCacheContents& contents);
  const Base& base_;
  LoadOptions options_;
  Say say_;
  fs::path folder_;  // empty: no cache
  Json origin_;
  bool read_ = false;
  std::vector<QuantizedTensor> held_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
  std::string outcome_;
};

// The folder of all caches that a recipe's would be one of; empty: model.cache is none.
fs::path base_caches(const recipes::Recipe&);
// Where the cache of a recipe's base is: model.cache, by default base-cache beside output.dir; empty where there is
// none to keep (nothing is quantised, random weights, stored in 4 bits already, model.cache: none).
fs::path base_cache_folder(const recipes::Recipe&, const Base&, const LoadOptions&);

}  // namespace hone::trainer

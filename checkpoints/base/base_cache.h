// The quantised form of a base, kept so that the next start reads its 4-bit bytes alone. A cache is a model directory
// in bitsandbytes' NF4 layout, which transformers loads too, with a manifest hone_base.json: what it was made from, and
// a hash of every tensor, held against the bytes as they are read.
//   const Json origin = cache_origin(source, {{"quantization", "nf4"}});
//   if (const auto cache = open_base_cache("runs/base-cache/x", origin))
//   cache->nf4("model.layers.0.mlp.up_proj.weight");
#pragma once
#include <atomic>

#include "checkpoints/base/model_directory.h"

namespace hone::checkpoints {

// What a cache is made from: the fingerprint of the source, the size and the time of change of each of its files, and
// the settings of whoever quantises.
Json cache_origin(const ModelDirectory& source, const Json& settings);

// The cache in `folder`, its hashes expected of what is read from it; null where there is none. Errors
// (ExitCode::input): damaged, or of another origin.
std::unique_ptr<ModelDirectory> open_base_cache(const fs::path& folder, const Json& origin);

// A weight in 4 bits as it lies in memory; the parts are those of Nf4Record.
struct Nf4View {
  std::string name;  // of the weight, in the source too
  int64_t rows = 0, width = 0;
  std::span<const uint8_t> codes;
  std::span<const float> quant_map;  // the 16 levels
  bool nested = false;
  std::span<const float> absmax;
  std::span<const uint8_t> absmax_codes;
  std::span<const float> nested_absmax, nested_map;
  float offset = 0;
};
struct BaseCacheContents {
  std::vector<Nf4View> quantized;
  std::vector<std::string> plain;  // copied from the source as they are
};
// Writes a cache; what was in `folder` is replaced at the end, in one step. Leaves nothing in the page cache, holds a
// few pieces in memory. Returns false, with nothing changed, once `stop` is set. Errors: ExitCode::io where it cannot
// be written, ExitCode::usage where `folder` holds something else, ExitCode::input from the source.
bool write_base_cache(const fs::path& folder, const ModelDirectory& source, const Json& origin,
                      const BaseCacheContents& contents, const std::atomic<bool>& stop);

}  // namespace hone::checkpoints

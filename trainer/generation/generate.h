// Text from a model: one token at a time over a key-value cache.
//   const std::vector<int32_t> ids = generate(stream, model, prompt, {.max_new_tokens = 64});
// A conversation keeps its cache; of each longer text only what is new is read:
//   KeyValueCache cache(stream, model, 4096);
//   generate(stream, model, cache, text, options, [&](int32_t id) { return print(id); });
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "trainer/generation/sampling.h"
#include "trainer/model/decoder.h"

namespace hone::trainer {

inline constexpr int64_t kSampleTokens = 64;  // of an answer that a run shows between its steps

// Keys and values of a text that was read, a tensor a layer, rows in order of position.
class KeyValueCache {
 public:
  KeyValueCache(Stream&, const Decoder&, int64_t capacity);
  int64_t capacity() const { return capacity_; }
  const std::vector<int32_t>& held() const { return held_; }
  // The logits (vocabulary) of what follows `text`, 1 to capacity tokens, on the host. What the cache holds of its
  // beginning is not read again; what it holds beyond is forgotten.
  std::vector<double> logits_after(Stream&, const Decoder&, std::span<const int32_t> text);

 private:
  std::vector<double> read(Stream&, const Decoder&, std::span<const int32_t> tokens);
  int64_t capacity_;
  std::vector<int32_t> held_;
  std::vector<Tensor> keys_, values_;  // (capacity, kv_heads * head_dim) each
};

// The new tokens behind `text`, which is at least one token; stops before a token of config.eos or options.ends, after
// max_new_tokens, and where the cache is full. on_token sees each as it is chosen and says whether to go on.
std::vector<int32_t> generate(Stream&, const Decoder&, KeyValueCache&, std::span<const int32_t> text,
                              const SamplingOptions&, const std::function<bool(int32_t)>& on_token = {});
// With a cache of its own, as large as needed.
std::vector<int32_t> generate(Stream&, const Decoder&, std::span<const int32_t> text, const SamplingOptions&,
                              const std::function<bool(int32_t)>& on_token = {});

}  // namespace hone::trainer

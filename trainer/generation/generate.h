// Text from a model: one token at a time over a key-value cache.
//   const std::vector<int32_t> ids = generate(stream, model, prompt, {.max_new_tokens = 64});
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "trainer/model/decoder.h"

namespace hone::trainer {

struct SamplingOptions {
  int64_t max_new_tokens = 128;
  double temperature = 0;  // 0: the likeliest token (greedy)
  double top_p = 1;        // keep the smallest set of likeliest tokens whose probabilities reach it
  int64_t top_k = 0;       // keep that many; 0: all
  uint64_t seed = 17;      // a drawn token is a function of seed and position
};

// Keys and values of what was read so far, a tensor a layer, rows in order of position.
class KeyValueCache {
 public:
  KeyValueCache(Stream&, const Decoder&, int64_t capacity);
  int64_t capacity() const { return capacity_; }
  int64_t length() const { return length_; }
  // Reads tokens (continuing after what it holds) and returns the logits (vocabulary) of the last one, on the host.
  std::vector<double> read(Stream&, const Decoder&, std::span<const int32_t> tokens);

 private:
  int64_t capacity_, length_ = 0;
  std::vector<Tensor> keys_, values_;  // (capacity, kv_heads * head_dim) each
};

// The new tokens; stops before a token of config.eos. The prompt is at least one token. on_token sees each as it is
// chosen.
std::vector<int32_t> generate(Stream&, const Decoder&, std::span<const int32_t> prompt, const SamplingOptions&,
                              const std::function<void(int32_t)>& on_token = {});

// The token that the options choose from logits, for the text's position `position`.
int32_t choose_token(const std::vector<double>& logits, const SamplingOptions&, int64_t position);

}  // namespace hone::trainer
